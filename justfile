# Short names for the cargo commands.

# A demonstration on this machine
demo *options:
    cargo run --release -- demo {{options}}

# Everything that CI runs
test:
    cargo xtask test

# Write the generated files again
generate:
    cargo xtask generate

# One crate, quickly
check crate:
    cargo clippy --package {{crate}} --all-targets -- -D warnings && cargo test --package {{crate}}
