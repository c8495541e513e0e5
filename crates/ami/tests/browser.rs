//! The main path in a real Chromium against the real program: an applicant files, a juror marks, an officer ranks. Each main
//! page is pictured at two widths and checked by axe-core.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/demo.rs"]
#[expect(dead_code, reason = "each test binary uses its own part of this module")]
mod demo;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use ami::demo_data;
use ami_domain::call::CallDefinition;
use ami_domain::form::FieldKind;
use demo::Demo;
use serde_json::Value;
use thirtyfour::prelude::*;

/// A chromedriver of its own.
struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    fn start() -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let mut process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(process.stdout.take().unwrap()));
        let started = lines.any(|line| line.unwrap().contains("started successfully"));
        assert!(started, "chromedriver did not start");
        Self { process, port }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Browser {
    web: WebDriver,
    base: String,
    axe: Option<String>,
    screenshots: Option<PathBuf>,
    violations: Vec<String>,
}

impl Browser {
    async fn open(driver: &Driver, profile: &std::path::Path, base: &str) -> Self {
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1280,900",
        ] {
            capabilities.add_arg(argument).unwrap();
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.display())).unwrap();
        let web = WebDriver::new(&format!("http://127.0.0.1:{}", driver.port), capabilities).await.unwrap();
        let screenshots = std::env::var_os("AMI_TEST_SCREENSHOTS").map(PathBuf::from);
        if let Some(folder) = &screenshots {
            std::fs::create_dir_all(folder).unwrap();
        }
        let axe = std::env::var_os("AMI_TEST_AXE").map(|path| std::fs::read_to_string(path).unwrap());
        assert!(
            axe.is_some() || std::env::var_os("CI").is_none(),
            "AMI_TEST_AXE is not set: accessibility would go unchecked"
        );
        Self { web, base: base.to_owned(), axe, screenshots, violations: Vec::new() }
    }

    async fn go(&self, path: &str) {
        self.web.goto(format!("{}{path}", self.base)).await.unwrap();
    }

    async fn sign_in(&self, email: &str) {
        self.web.delete_all_cookies().await.unwrap();
        self.go("/connexion").await;
        self.fill("email", email).await;
        self.fill("password", demo_data::PASSWORD).await;
        self.press("Se connecter").await;
        self.web.query(By::XPath("//h1[.='Mon espace']")).first().await.unwrap();
    }

    async fn fill(&self, name: &str, text: &str) {
        let field = self.web.find(By::Name(name)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    async fn set_date(&self, name: &str, day: &str) {
        // A date field takes keys in the browser's own order; its value does not depend on it.
        let script = "const f = document.getElementsByName(arguments[0])[0]; f.value = arguments[1]; \
                      f.dispatchEvent(new Event('input', {bubbles: true}));";
        self.web.execute(script, vec![name.into(), day.into()]).await.unwrap();
    }

    async fn choose(&self, name: &str, value: &str) {
        let path = format!("//select[@name='{name}']/option[@value='{value}']");
        self.web.find(By::XPath(path)).await.unwrap().click().await.unwrap();
    }

    async fn press(&self, label: &str) {
        let path = format!("//main//button[starts-with(normalize-space(.), \"{label}\")]");
        let button = self.web.query(By::XPath(path)).first().await.unwrap();
        button.scroll_into_view().await.unwrap();
        self.web.execute("arguments[0].click()", vec![button.to_json().unwrap()]).await.unwrap();
    }

    /// Ticks a box where it stands, whatever the window shows.
    async fn tick(&self, path: &str) {
        let input = self.web.find(By::XPath(path)).await.unwrap();
        self.web.execute("arguments[0].click()", vec![input.to_json().unwrap()]).await.unwrap();
    }

    async fn text(&self) -> String {
        self.web.find(By::Tag("main")).await.unwrap().text().await.unwrap()
    }

    async fn wait_for(&self, text: &str) {
        let path = format!("//main//*[contains(normalize-space(.), \"{text}\")]");
        self.web.query(By::XPath(path)).first().await.unwrap();
    }

    /// Follows a link where it stands, whatever the window shows.
    async fn follow(&self, path: &str) {
        let link = self.web.query(By::XPath(path)).first().await.unwrap();
        self.web.execute("arguments[0].click()", vec![link.to_json().unwrap()]).await.unwrap();
    }

    /// Pictures the page at both widths and asks axe-core what is wrong with it.
    async fn look(&mut self, name: &str) {
        for width in [1280u32, 390] {
            self.web.set_window_rect(0, 0, width, 900).await.unwrap();
            if let Some(folder) = &self.screenshots {
                // The whole page, or its first four thousand pixels.
                let height = self.web.execute("return document.documentElement.scrollHeight", vec![]).await.unwrap();
                let height = u32::try_from(height.json().as_i64().unwrap()).unwrap().clamp(900, 4_000);
                self.web.set_window_rect(0, 0, width, height).await.unwrap();
                self.web.screenshot(&folder.join(format!("{name}-{width}.png"))).await.unwrap();
                self.web.set_window_rect(0, 0, width, 900).await.unwrap();
            }
            let wide = self
                .web
                .execute("return document.documentElement.scrollWidth - window.innerWidth", vec![])
                .await
                .unwrap();
            if wide.json().as_i64().unwrap() > 1 {
                self.violations.push(format!("{name} at {width}: scrolls sideways by {} pixels", wide.json()));
            }
            let Some(axe) = &self.axe else { continue };
            self.web.execute(axe.as_str(), vec![]).await.unwrap();
            let script = "const done = arguments[0]; axe.run().then(r => done(r.violations));";
            let found = self.web.execute_async(script, vec![]).await.unwrap();
            for violation in found.json().as_array().unwrap() {
                if matches!(violation["impact"].as_str(), Some("serious" | "critical")) {
                    let node = &violation["nodes"][0];
                    self.violations.push(format!(
                        "{name} at {width}: {} — {} — {}",
                        violation["id"], violation["help"], node["html"]
                    ));
                }
            }
        }
        self.web.set_window_rect(0, 0, 1280, 900).await.unwrap();
    }
}

#[rocket::async_test]
async fn the_main_path_in_a_browser() {
    if std::env::var_os("AMI_TEST_NO_BROWSER").is_some() {
        assert!(std::env::var_os("CI").is_none(), "chromium and chromedriver are missing");
        eprintln!("NOT RUN: the main path in a browser");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(&folder.path().join("data"));
    let driver = Driver::start();
    let base = demo.ready()["url"].as_str().unwrap();
    let mut browser = Browser::open(&driver, &folder.path().join("profile"), base).await;

    browser.go("/").await;
    browser.look("01-accueil").await;
    browser.go("/appels/AMI-ALI-2027").await;
    browser.look("02-appel").await;
    browser.go("/connexion").await;
    browser.look("03-connexion").await;
    applicant_files(&mut browser, folder.path()).await;
    juror_marks(&mut browser).await;
    officer_ranks(&mut browser).await;
    api_is_tried(&mut browser).await;

    let violations = std::mem::take(&mut browser.violations);
    browser.web.quit().await.unwrap();
    assert_eq!(violations, Vec::<String>::new());
}

/// With the keyboard alone, as the person who is signed in.
async fn api_is_tried(browser: &mut Browser) {
    browser.go("/api/v1/docs").await;
    let summary = By::XPath("//summary[.//code='GET /me']");
    browser.web.query(summary).first().await.unwrap().send_keys(Key::Enter + "").await.unwrap();
    let focused = async |key: Key| browser.web.active_element().await.unwrap().send_keys(key + "").await.unwrap();
    focused(Key::Tab).await;
    focused(Key::Enter).await;
    browser.wait_for("Réponse 200").await;
    assert!(browser.text().await.contains("agent@demonstration.example"));
    // Every operation unfolded, and one that is refused.
    browser.web.execute("for (const d of document.querySelectorAll('details')) d.open = true", vec![]).await.unwrap();
    browser.press("Essayer POST /organisations").await;
    browser.wait_for("Réponse 422").await;
    browser.look("40-api").await;
}

async fn applicant_files(browser: &mut Browser, folder: &std::path::Path) {
    let call: CallDefinition = demo_data::fixture().unwrap();
    let applicant = demo_data::Accounts::all().applicants[0].clone();
    let answers = demo_data::answers(&call, &applicant, "ALI-12").unwrap();
    browser.sign_in("candidat1@demonstration.example").await;
    browser.look("10-espace-candidat").await;
    browser.follow("//a[starts-with(., 'membres')]").await;
    browser.wait_for("Inviter un membre").await;
    browser.look("10-membres").await;
    browser.go("/appels/AMI-ALI-2027/candidater?lot=ALI-12").await;
    browser.look("11-candidater").await;
    browser.press("Ouvrir le dossier").await;
    browser.wait_for("Brouillon non déposé").await;
    browser.look("12-dossier-brouillon").await;
    let dossier = browser.web.current_url().await.unwrap().path().to_owned();

    for section in &call.form.sections {
        browser.go(&format!("{dossier}/sections/{}", section.code)).await;
        for field in &section.fields {
            let Some(value) = answers.get(&field.code) else { continue };
            type_answer(browser, &field.code, &field.kind, value).await;
        }
        if section.code == "S4" {
            browser.fill("4.04", "beaucoup").await;
            browser.press("Enregistrer et continuer").await;
            browser.wait_for("Indiquez un nombre entier").await;
            browser.look("13-section-erreur").await;
            assert_eq!(
                browser.web.find(By::Name("4.04")).await.unwrap().value().await.unwrap().as_deref(),
                Some("beaucoup")
            );
            browser.fill("4.04", &answers["4.04"].to_string()).await;
        }
        if matches!(section.code.as_str(), "S1" | "S6" | "S7") {
            browser.look(&format!("14-section-{}", section.code)).await;
        }
        browser.press("Enregistrer et continuer").await;
        browser.wait_for("Enregistré.").await;
    }

    browser.go(&format!("{dossier}/pieces")).await;
    browser.look("15-pieces").await;
    for slot in ["P01", "P02", "P03", "P04", "P05", "P06", "P08", "P09", "P10"] {
        let path = folder.join(if slot == "P08" { "P08 été.xlsx".to_owned() } else { format!("{slot} été.pdf") });
        let bytes = if slot == "P08" {
            ami_documents::decisions_xlsx(&[]).unwrap()
        } else {
            demo_data::plain_pdf(slot, &applicant.name)
        };
        std::fs::write(&path, bytes).unwrap();
        let input = browser.web.find(By::Id(format!("f-{slot}"))).await.unwrap();
        input.send_keys(path.to_str().unwrap()).await.unwrap();
        let button = browser
            .web
            .find(By::XPath(format!("//section[@id='slot-{slot}']//form[@data-upload]//button")))
            .await
            .unwrap();
        browser.web.execute("arguments[0].click()", vec![button.to_json().unwrap()]).await.unwrap();
        let link = format!("//section[@id='slot-{slot}']//a[starts-with(., '{slot} été')]");
        browser.web.query(By::XPath(link)).first().await.unwrap();
    }
    // The wrong thing is refused with a sentence that says what is accepted.
    std::fs::write(folder.join("virus.exe"), b"MZ\x90").unwrap();
    browser
        .web
        .find(By::Id("f-P12"))
        .await
        .unwrap()
        .send_keys(folder.join("virus.exe").to_str().unwrap())
        .await
        .unwrap();
    let button = browser.web.find(By::XPath("//section[@id='slot-P12']//form[@data-upload]//button")).await.unwrap();
    browser.web.execute("arguments[0].click()", vec![button.to_json().unwrap()]).await.unwrap();
    browser.wait_for("Formats acceptés : PDF, JPG, PNG").await;

    browser.go(&dossier).await;
    browser.wait_for("Votre dossier est complet").await;
    browser.look("16-dossier-complet").await;
    browser.go(&format!("{dossier}/depot")).await;
    browser.look("17-deposer").await;
    browser.press("Déposer").await;
    browser.wait_for("Accusé de réception électronique").await;
    assert!(browser.text().await.contains("tribunal administratif de Montreuil"));
    browser.look("18-accuse-reception").await;
}

async fn type_answer(browser: &Browser, code: &str, kind: &FieldKind, value: &Value) {
    let plain = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    match kind {
        FieldKind::YesNo => {
            let wanted = if value == &Value::Bool(true) { "oui" } else { "non" };
            browser.tick(&format!("//input[@name='{code}' and @value='{wanted}']")).await;
        }
        FieldKind::Checkbox => browser.tick(&format!("//input[@name='{code}']")).await,
        FieldKind::Date { .. } => browser.set_date(code, &plain(value)).await,
        FieldKind::Choice { .. } => browser.choose(code, &plain(value)).await,
        FieldKind::Address | FieldKind::Budget { .. } => {
            for (part, value) in value.as_object().unwrap() {
                browser.fill(&format!("{code}.{part}"), &plain(value)).await;
            }
        }
        FieldKind::Table { columns, .. } => {
            for (row, cells) in value.as_array().unwrap().iter().enumerate() {
                for column in columns {
                    let name = format!("{code}.{row}.{}", column.code);
                    match column.kind {
                        FieldKind::Choice { .. } | FieldKind::LotCommune => {
                            browser.choose(&name, &plain(&cells[&column.code])).await;
                        }
                        _ => browser.fill(&name, &plain(&cells[&column.code])).await,
                    }
                }
            }
        }
        _ => browser.fill(code, &plain(value)).await,
    }
}

async fn juror_marks(browser: &mut Browser) {
    browser.sign_in("jure2@demonstration.example").await;
    browser.go("/jury/AMI-ALI-2027-JURY/declaration").await;
    browser.look("20-declaration").await;
    browser.go("/jury").await;
    browser.look("21-dossiers-a-noter").await;
    let path = "//tr[.//span[normalize-space(.)='en cours']]//th/a";
    browser.follow(path).await;
    browser.wait_for("Notez chaque critère").await;
    browser.look("22-fiche").await;
    let call: CallDefinition = demo_data::fixture().unwrap();
    for criterion in call.grid.criteria() {
        browser.tick(&format!("//input[@name='mark.{}' and @value='3']", criterion.code)).await;
    }
    browser.wait_for("60,00 points pour 17 critères sur 17").await;
    browser.tick("//input[@name='mark.A1' and @value='5']").await;
    browser.fill("comment.A1", "Trop court").await;
    browser.press("Relire et verrouiller").await;
    browser.wait_for("demande un commentaire d'au moins 30 caractères").await;
    browser.fill("comment.A1", "Une analyse du territoire précise et chiffrée.").await;
    browser.press("Relire et verrouiller").await;
    browser.wait_for("Relisez vos notes").await;
    browser.press("Verrouiller définitivement").await;
    browser.wait_for("Cette fiche est verrouillée").await;
    browser.look("23-fiche-verrouillee").await;
}

async fn officer_ranks(browser: &mut Browser) {
    browser.sign_in("agent@demonstration.example").await;
    browser.go("/gestion/AMI-ALI-2027").await;
    browser.wait_for("Les contenus sont scellés").await;
    browser.look("30-gestion-ouvert").await;
    for (name, path) in [
        ("31-gestion", ""),
        ("32-dossiers", "/dossiers"),
        ("33-jury", "/jury"),
        ("34-affectations", "/affectations"),
        ("35-classements", "/classements"),
    ] {
        browser.go(&format!("/gestion/AMI-ALI-2027-JURY{path}")).await;
        browser.look(name).await;
    }
    // While jurors mark, nobody ranks.
    browser.wait_for("Les notes sont scellées").await;
    browser.go("/gestion/AMI-ALI-2027-JURY").await;
    browser.tick("//summary[.='Passer aux auditions']").await;
    browser.tick("//button[@name='state' and @value='hearings']").await;
    browser.wait_for("Fiches de notation qui ne sont pas verrouillées").await;
    browser.look("35-etape-inachevee").await;
    browser.fill("reason", "Le délai de notation est passé.").await;
    browser.tick("//button[@name='state' and @value='hearings']").await;
    browser.wait_for("Auditions").await;
    browser.go("/gestion/AMI-ALI-2027-JURY/classements").await;
    browser.press("Calculer un classement").await;
    browser.wait_for("Avis du jury, ne constitue pas une décision").await;
    let text = browser.text().await;
    for wanted in ["75,27", "71,27", "notation insuffisante", "départagé par"] {
        assert!(text.to_lowercase().contains(&wanted.to_lowercase()), "{wanted}");
    }
    assert!(browser.web.source().await.unwrap().replace("&#x2f;", "/").contains("1129/15"));
    browser.look("36-classement").await;
    browser.tick("//summary[starts-with(., 'Figures et chiffres du lot ALI-01')]").await;
    browser.tick("//section[@aria-labelledby='severite']//summary").await;
    browser.tick("//section[@aria-labelledby='accord']//summary").await;
    let shown = browser.text().await;
    for wanted in ["Le dossier JURY27-0001 est premier", "Alpha de Krippendorff", "plus bas", "Rang ajusté"] {
        assert!(shown.contains(wanted), "{wanted}");
    }
    browser.look("36-classement-solidite").await;
    browser.follow("//td/a[.='JURY27-0001']").await;
    browser.wait_for("Recevabilité").await;
    browser.choose("decision", "retained").await;
    browser.press("Enregistrer la décision").await;
    browser.wait_for("Retenu le").await;
    browser.look("37-dossier-decide").await;
    browser.go("/gestion/AMI-ALI-2027-JURY/decisions").await;
    browser.look("38-decisions").await;
}
