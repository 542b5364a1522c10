//! The parameters of a request: every name must be known, every value must make sense.

use axum::extract::Query;
use axum::http::Uri;
use mailvane_model::nearest;

use super::problem::Problem;

/// The parameters of a request, all of them known.
pub(crate) struct Question {
    pairs: Vec<(String, String)>,
}

impl Question {
    /// Reads them; a name that is not in `known` is refused with the nearest one.
    pub(crate) fn read(uri: &Uri, known: &[&[&str]]) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Problem::bad_request("the parameters of the address cannot be read"))?;
        let names: Vec<&str> = known.iter().flat_map(|names| names.iter().copied()).collect();
        for (at, (name, _)) in pairs.iter().enumerate() {
            if !names.contains(&name.as_str()) {
                return Err(unknown(name, &names));
            }
            if pairs[..at].iter().any(|earlier| earlier.0 == *name) {
                return Err(Problem::bad_request(format!("{name} is given twice")).hint("give it once"));
            }
        }
        Ok(Question { pairs })
    }

    /// A value; an empty one is none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str()).filter(|value| !value.is_empty())
    }

    /// A count from 1 to `most`.
    pub(crate) fn limit(&self, default: usize, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.get("limit") else { return Ok(default) };
        let given = text.parse::<usize>().ok().filter(|limit| (1..=most).contains(limit));
        given.ok_or_else(|| Problem::bad_request(format!("limit: `{text}` is not a number from 1 to {most}")))
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)], default: T) -> Result<T, Problem> {
        let Some(text) = self.get(name) else { return Ok(default) };
        words
            .iter()
            .find(|known| known.0 == text)
            .map(|known| known.1)
            .ok_or_else(|| wrong_word(name, text, words.iter().map(|known| known.0)))
    }
}

/// The answer to a value that is not in a list.
pub(crate) fn wrong_word<'a>(name: &str, given: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    let known: Vec<&str> = known.collect();
    Problem::bad_request(format!("{name}: `{given}` is not known")).hint(format!("use one of {}", known.join(", ")))
}

fn unknown(name: &str, known: &[&str]) -> Problem {
    let problem = Problem::bad_request(format!("there is no parameter `{name}`"));
    match (nearest(name, known.iter().copied()), known.is_empty()) {
        (Some(nearest), _) => problem.hint(format!("did you mean `{nearest}`?")),
        (None, true) => problem.hint("this route takes none"),
        (None, false) => problem.hint(format!("known are {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Result<Question, Problem> {
        Question::read(&address.parse().expect("address"), &[&["since", "limit"]])
    }

    #[test]
    fn values_are_decoded_and_empty_ones_are_none() {
        let question = read("/x?since=2026-01-01T00%3A00%3A00%2B01%3A00&limit=").expect("known");
        assert_eq!(question.get("since"), Some("2026-01-01T00:00:00+01:00"));
        assert_eq!(question.get("limit"), None);
        assert_eq!(question.limit(20, 100).expect("default"), 20);
    }

    #[test]
    fn what_is_not_known_twice_or_out_of_range_is_refused() {
        for address in ["/x?sinse=1h", "/x?since=1h&since=2h", "/x?wholly=else"] {
            assert!(read(address).is_err(), "{address}");
        }
        for limit in ["0", "-1", "101", "many"] {
            assert!(read(&format!("/x?limit={limit}")).expect("known").limit(20, 100).is_err(), "{limit}");
        }
    }
}
