//! The page of the documentation that is made of the table.

use std::fmt::Write as _;

use super::{OPEN, Row, SOURCED, Source};

/// `docs/beliefs.md`.
pub fn page() -> String {
    let mut text = String::from(
        "# Beliefs\n\n\
         Made of the table in `src/sim/beliefs/`: change it there, then `./dev bless beliefs`.\n\n\
         A belief is a behaviour of AWS or of a guest that a patch run relies on. Open beliefs have \
         variants: no source\nsettles which is true, or AWS says that it may be either way. The \
         simulated account takes the first unless the\nfleet file names another:\n\n\
         ```toml\n[beliefs]\nstandby-counts-against-max = \"yes\"\n```\n\n\
         Random runs draw them. Of a sourced belief only a fleet file can choose the contrary \
         (`\"contrary\"`), where the\ntable names one: then a check of the belief must notice.\n\n",
    );
    let _ = writeln!(
        text,
        "- [Open beliefs](#open-beliefs): {}\n- [Sourced beliefs](#sourced-beliefs): {}\n",
        OPEN.len(),
        SOURCED.len()
    );
    text.push_str("## Open beliefs\n");
    for row in OPEN {
        open(&mut text, row);
    }
    text.push_str(
        "\n## Sourced beliefs\n\n| belief | behaviour | source | contrary |\n|---|---|---|---|\n",
    );
    for row in SOURCED {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            row.id,
            row.sentence,
            source(row.source),
            row.variants.last().map_or("", |(_, meaning)| meaning)
        );
    }
    text
}

fn open(text: &mut String, row: &Row) {
    let _ = write!(
        text,
        "\n### {}\n\n{} Source: {}.\n\n",
        row.id,
        row.sentence,
        source(row.source)
    );
    for (name, meaning) in row.variants {
        let _ = writeln!(text, "- `{name}`: {meaning}");
    }
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Unconfirmed => "UNCONFIRMED",
        Source::Open(said) | Source::Said(said) => said,
    }
}
