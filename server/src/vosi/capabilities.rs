//! `/tap/capabilities`, `/soda/capabilities`: endpoints, languages, formats and limits, as VOSI and TAPRegExt have them.

use std::fmt::Write;

use axum::extract::State;
use axum::response::Response;

use crate::base_url::BaseUrl;
use crate::dali::Format;
use crate::state::AppState;
use crate::tap::features::{self, FeatureList};
use crate::tap::language;
use crate::xml::{Attribute, Element, Escaped};

/// Answer with the capabilities document.
pub async fn capabilities(State(state): State<AppState>, base: BaseUrl) -> Response {
    let own = of_tap(&format!("{base}/tap"), &state);
    super::xml(document(&(own + &of_images(&base.to_string(), &state))))
}

/// Answer with the capabilities of the services of images, as they stand beside each of them.
pub async fn images(State(state): State<AppState>, base: BaseUrl) -> Response {
    let address = base.to_string();
    let beside = Escaped(&address);
    let own = format!(
        r#"<capability standardID="ivo://ivoa.net/std/VOSI#capabilities">
  <interface xsi:type="vs:ParamHTTP" version="1.0"><accessURL use="full">{beside}/soda/capabilities</accessURL></interface>
</capability>
<capability standardID="ivo://ivoa.net/std/VOSI#availability">
  <interface xsi:type="vs:ParamHTTP" version="1.0"><accessURL use="full">{beside}/tap/availability</accessURL></interface>
</capability>
"#
    );
    super::xml(document(&(own + &of_images(&address, &state))))
}

/// The namespaces of capabilities.
pub const NAMESPACES: &str = r#"xmlns:vr="http://www.ivoa.net/xml/VOResource/v1.0" xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" xmlns:tr="http://www.ivoa.net/xml/TAPRegExt/v1.0" xmlns:cs="http://www.ivoa.net/xml/ConeSearch/v1.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance""#;

/// Callers may be anonymous, or show a token as the password of Basic authentication.
const SECURITY: &str =
    "<securityMethod/><securityMethod standardID=\"ivo://ivoa.net/sso#BasicAA\"/>";

/// Return the document of some capabilities.
pub fn document(capabilities: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<vosi:capabilities \
         xmlns:vosi=\"http://www.ivoa.net/xml/VOSICapabilities/v1.0\" {NAMESPACES}>\n\
         {capabilities}</vosi:capabilities>\n"
    )
}

/// Return the capabilities of the TAP service at the address `tap`.
pub fn of_tap(tap: &str, state: &AppState) -> String {
    let config = &state.config;
    // Where the users cannot be read, nobody can log in.
    let has_users = state.views.people().is_empty().is_ok_and(|is_empty| !is_empty);
    let tap = Escaped(tap);
    format!(
        r#"<capability standardID="ivo://ivoa.net/std/VOSI#capabilities">
  <interface xsi:type="vs:ParamHTTP" version="1.0"><accessURL use="full">{tap}/capabilities</accessURL></interface>
</capability>
<capability standardID="ivo://ivoa.net/std/VOSI#availability">
  <interface xsi:type="vs:ParamHTTP" version="1.0"><accessURL use="full">{tap}/availability</accessURL></interface>
</capability>
<capability standardID="ivo://ivoa.net/std/VOSI#tables-1.1">
  <interface xsi:type="vs:ParamHTTP" version="1.1" role="std"><accessURL use="base">{tap}/tables</accessURL></interface>
</capability>
<capability standardID="ivo://ivoa.net/std/DALI#examples">
  <interface xsi:type="vr:WebBrowser" version="1.0"><accessURL use="full">{tap}/examples</accessURL></interface>
</capability>
<capability xsi:type="tr:TableAccess" standardID="ivo://ivoa.net/std/TAP">
  <interface xsi:type="vs:ParamHTTP" role="std" version="1.1"><accessURL use="base">{tap}</accessURL>{security}</interface>
{languages}{formats}  <uploadMethod ivo-id="ivo://ivoa.net/std/TAPRegExt#upload-inline"/>
  <uploadMethod ivo-id="ivo://ivoa.net/std/TAPRegExt#upload-http"/>
  <retentionPeriod><default>{keep}</default><hard>{keep_most}</hard></retentionPeriod>
  <executionDuration><default>{run}</default><hard>{run_most}</hard></executionDuration>
  <outputLimit><default unit="row">{default}</default><hard unit="row">{hard}</hard></outputLimit>
  <uploadLimit><default unit="row">{rows}</default><hard unit="row">{rows}</hard></uploadLimit>
</capability>
"#,
        security = if has_users { SECURITY } else { "" },
        languages = languages(),
        formats = formats(),
        keep = config.retention.or_default().as_secs(),
        keep_most = config.retention.hard.as_secs(),
        run = config.execution_duration.or_default().as_secs(),
        run_most = config.execution_duration.hard.as_secs(),
        default = config.default_maxrec.min(config.hard_maxrec),
        hard = config.hard_maxrec,
        rows = config.upload_rows,
    )
}

/// Return the capabilities of DataLink and SODA at the address `base`; none where no catalog has images.
pub fn of_images(base: &str, state: &AppState) -> String {
    // A butler that cannot be opened serves nothing.
    let has_images = state.views.images().names().is_ok_and(|(catalogs, _)| !catalogs.is_empty());
    if !has_images {
        return String::new();
    }
    let base = Escaped(base);
    format!(
        r#"<capability standardID="ivo://ivoa.net/std/DataLink#links-1.1">
  <interface xsi:type="vs:ParamHTTP" role="std" version="1.1"><accessURL use="base">{base}/datalink/links</accessURL></interface>
</capability>
<capability standardID="ivo://ivoa.net/std/SODA#sync-1.0">
  <interface xsi:type="vs:ParamHTTP" role="std" version="1.0"><accessURL use="base">{base}/soda/sync</accessURL></interface>
</capability>
"#
    )
}

fn languages() -> String {
    let versions: String = language::VERSIONS
        .iter()
        .map(|(version, ivo_id)| format!("<version ivo-id=\"{ivo_id}\">{version}</version>"))
        .collect();
    let features: String = features::all().iter().map(feature_list).collect();
    format!(
        "  <language>\n    <name>ADQL</name>{versions}\n    \
         <description>Astronomical Data Query Language</description>\n{features}  </language>\n"
    )
}

fn feature_list(list: &FeatureList) -> String {
    let mut out = format!("    <languageFeatures type=\"{}\">\n", Escaped(list.standard_id));
    for feature in &list.features {
        let form = Element("form", Some(&feature.form));
        let description = Element("description", Some(feature.description));
        // Writing to a String cannot fail.
        let _ = writeln!(out, "      <feature>{form}{description}</feature>");
    }
    out + "    </languageFeatures>\n"
}

fn formats() -> String {
    let one = |format: Format| {
        let aliases: String = format
            .aliases()
            .iter()
            .map(|alias| Element("alias", Some(alias)).to_string())
            .collect();
        let mime = Element("mime", Some(format.media_type()));
        let ivo_id = Attribute("ivo-id", format.ivo_id());
        format!("  <outputFormat{ivo_id}>{mime}{aliases}</outputFormat>\n")
    };
    Format::ALL.into_iter().map(one).collect()
}
