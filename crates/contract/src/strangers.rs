//! Strangers only: what Google's own programs send and Google takes, though its documents lack it. Our
//! client knows the documents alone, and is excused nothing here.

use crate::exchange::Sender;

/// Query parameters, by the end of the method's id.
const PARAMETERS: [(&str, &str); 1] = [
    // gcloud 528, of every aggregated list.
    (".aggregatedList", "returnPartialSuccess"),
];

/// Whether a query parameter of a method that its document lacks is no finding.
pub(crate) fn may_ask(sender: Sender, method: &str, parameter: &str) -> bool {
    let excused = |(end, name): &(&str, &str)| method.ends_with(end) && parameter == *name;
    sender == Sender::Other && PARAMETERS.iter().any(excused)
}

#[cfg(test)]
mod tests {
    use crate::{Content, Exchange, Sender, check};

    #[test]
    fn what_strangers_may_ask_ours_may_not() {
        let findings = |sender| {
            let verdicts = check(&Exchange {
                sender,
                method: "GET".into(),
                target: "/compute/v1/projects/p/aggregated/disks?returnPartialSuccess=True".into(),
                request: Content::default(),
                status: None,
                response: Content::default(),
                partial: false,
            });
            let findings = verdicts.iter().flat_map(|verdict| &verdict.findings);
            findings.map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(findings(Sender::Other), Vec::<String>::new());
        assert_eq!(
            findings(Sender::Ours),
            ["query.returnPartialSuccess: is no parameter of compute.disks.aggregatedList"]
        );
    }
}
