//! Embeds the templates: nothing is looked up in a working directory.

fn main() {
    println!("cargo::rerun-if-changed=../../templates");
    minijinja_embed::embed_templates!("../../templates", &[".html", ".txt"][..]);
}
