//! What the user asks for.

use crate::place::Place;
use clap::Parser;
use std::time::Duration;

/// Shows the live tree of a program: its scopes and children, and who waits for what.
///
/// The program has to serve it, with `anyscope_serve::Server::new(&tree).tcp("127.0.0.1:4000")` or `.unix(path)`.
#[derive(Parser, Debug)]
#[command(name = "anyscope-top", version, after_help = "Keys: ? shows them.")]
pub(crate) struct Args {
    /// Where the program serves its tree: 127.0.0.1:4000, http://127.0.0.1:4000/, a port of this machine, or the path of a
    /// socket (with a slash in it)
    #[arg(value_name = "ADDRESS")]
    pub(crate) place: Place,
    /// How often to look
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    #[arg(value_parser = seconds)]
    interval: f64,
    /// Print the tree as text, and end
    #[arg(long)]
    pub(crate) once: bool,
}

impl Args {
    pub(crate) fn every(&self) -> Duration {
        Duration::from_secs_f64(self.interval)
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    // Also not what is no number.
    if (0.1..=3600.0).contains(&seconds) { Ok(seconds) } else { Err("from 0.1 to 3600".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["anyscope-top"], args].concat())
    }

    #[test]
    fn intervals_are_in_bounds() {
        assert_eq!(parse(&["4000"]).unwrap().every(), Duration::from_secs(1));
        assert_eq!(
            parse(&["4000", "--interval", "0.5"]).unwrap().every(),
            Duration::from_millis(500)
        );
        for wrong in ["0", "-1", "NaN", "inf", "1e300", "soon", ""] {
            assert!(parse(&["4000", &format!("--interval={wrong}")]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_needed() {
        assert!(parse(&[]).is_err());
        assert!(parse(&["nowhere"]).is_err());
    }
}
