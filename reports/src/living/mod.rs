//! The living picture: the same requests through several servers side by side, animated by a script of
//! its own whose model is the simulator's. It needs no network and no library.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;

use crate::head::head;
use crate::style::{self, Colour, hex};

/// The model, the same as `model::simulate` (a test hands both the same requests).
pub const MODEL: &str = include_str!("model.js");

/// What draws it and lets readers change it.
const PICTURE: &str = include_str!("picture.js");

const STYLE: &str = include_str!("picture.css");

/// The seed of the requests.
const SEED: u32 = 1;

/// What the picture shows.
#[derive(Clone, Debug, PartialEq)]
pub struct LivingPicture {
    /// The servers; the first is the one that the others are compared with.
    pub lanes: Vec<LaneView>,
    /// Whose costs these are, as in `with the costs of …`.
    pub costs: String,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LaneView {
    /// `iterative`, `thread`, `process`, `pool`, `loop` or `delayed`.
    pub id: &'static str,
    /// The server's name for readers.
    pub name: &'static str,
    /// The design whose look it has, by the label that figures give it.
    #[serde(skip)]
    pub label: &'static str,
    /// What is to be seen.
    #[serde(skip)]
    pub about: &'static str,
    /// Over UDP.
    pub udp: ServerView,
    /// Over TCP, with a connection for each request.
    pub tcp: ServerView,
}

/// A server in the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServerView {
    /// How it works.
    pub station: StationView,
    /// What its steps cost.
    pub costs: StepCosts,
}

/// How a server works.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StationView {
    /// Workers that exist beforehand, behind one queue.
    Workers {
        /// How many.
        count: u32,
        /// Whether a wait frees the worker for other requests.
        shares: bool,
    },
    /// A worker is created for each request.
    OnDemand {
        /// The most at once.
        limit: u32,
    },
    /// A receiver is created when a request outlasts the patience.
    Delayed {
        /// The most at once.
        limit: u32,
        /// In nanoseconds.
        patience: f64,
    },
}

/// What the steps of a server cost, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StepCosts {
    /// Processor time of every request besides its processing.
    pub request: f64,
    /// Processor time of creating a worker.
    pub creation: f64,
    /// From there to its first instruction.
    pub start: f64,
    /// Processor time at the end of a wait.
    pub resume: f64,
    /// How long a worker stays with an answered request.
    pub linger: f64,
    /// From an arrival to the first instruction of an idle worker.
    pub wakeup: f64,
    /// Processor time of handing a request over.
    pub handover: f64,
}

/// A slider.
struct Slider {
    name: &'static str,
    label: &'static str,
    /// Least, most and first position; the script says what they stand for.
    range: (i32, u32, i32),
}

const SLIDERS: [Slider; 7] = [
    Slider { name: "rate", label: "Requests", range: (20, 80, 44) },
    Slider { name: "wait", label: "Waiting", range: (0, 100, 74) },
    Slider { name: "compute", label: "Computing", range: (0, 100, 46) },
    Slider { name: "variation", label: "Variation", range: (0, 7, 3) },
    Slider { name: "workers", label: "Workers of the pool", range: (0, 6, 4) },
    Slider { name: "cores", label: "Cores", range: (1, 16, 1) },
    Slider { name: "pace", label: "Speed", range: (-4, 1, -2) },
];

/// The picture as a page of its own.
#[must_use]
pub fn render_alone(picture: &LivingPicture) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head("The same requests, six servers", ""))
            body {
                main {
                    header {
                        p.question { "When does concurrency pay?" }
                        h1 { "The same requests, six servers" }
                        p {
                            "Every server below gets the same requests at the same instants. Watch what waits, what is "
                            "served, and what that does to the response time; then change the load."
                        }
                    }
                    (section(picture))
                }
            }
        }
    }
    .into_string()
}

/// The picture as a section of a page.
#[must_use]
pub fn section(picture: &LivingPicture) -> Markup {
    html! {
        style { (PreEscaped(STYLE)) }
        section #living aria-labelledby="living-title" {
            h2 #living-title { "Try it: six servers in simulated time" }
            noscript { p { b { "This picture needs JavaScript, which your browser does not run." } } }
            p.made {
                "Left of each frame is the queue, inside it are the requests that have a worker: filled while they compute or "
                "are woken, hollow while they wait. A thick frame is a worker that wants a core, a dashed one is being created. "
                "A square is a request of more than three times the mean. The costs are those of " (picture.costs) "."
            }
            (controls())
            p {
                button #living-run type="button" { "Run" }
                button #living-step type="button" { "Step" }
                button #living-again type="button" { "Start again" }
            }
            p #living-words aria-live="polite" {}
            div.lanes { @for lane in &picture.lanes { (lane_frame(lane)) } }
            (numbers(&picture.lanes))
            h3 { "Mean response time by processing time, at this rate" }
            canvas #living-curve role="img"
                aria-label="Mean response time of each server by processing time; the sentences above name the crossover." {}
            p.made {
                "Curves: 3,000 requests for each point, drawn while you watch. A curve ends where the server is overloaded. "
                "Dots: what the animation has measured so far. The dotted line is the processing time that you have set."
            }
            script type="application/json" id="living-data" { (PreEscaped(data(picture))) }
            script { (PreEscaped(MODEL)) (PreEscaped(PICTURE)) }
        }
    }
}

fn controls() -> Markup {
    html! {
        div.controls {
            @for Slider { name, label, range: (least, most, first) } in &SLIDERS {
                div {
                    label for=(format!("living-{name}")) {
                        (label) " " output for=(format!("living-{name}")) {}
                    }
                    input type="range" id=(format!("living-{name}")) name=(name)
                        min=(least) max=(most) value=(first);
                }
            }
            fieldset {
                legend { "Transport" }
                label { input type="radio" name="transport" value="udp" checked; " connectionless (UDP)" }
                label { input type="radio" name="transport" value="tcp"; " a connection for each request (TCP)" }
            }
        }
    }
}

fn lane_frame(lane: &LaneView) -> Markup {
    html! {
        div.lane id=(format!("lane-{}", lane.id)) {
            h3 { span { (key(lane)) (lane.name) } }
            canvas role="img" aria-label=(format!("{}: {}", lane.name, lane.about)) {}
            p.made { (lane.about) }
        }
    }
}

/// The line of a server in the curves.
fn key(lane: &LaneView) -> Markup {
    let look = style::of_design(lane.label);
    let line = if look.dash.is_empty() { "solid" } else { "dashed" };
    html! { span.key style=(format!("border-color: {}; border-top-style: {line}", hex(look.colour))) {} }
}

fn numbers(lanes: &[LaneView]) -> Markup {
    html! {
        div.scrolls {
            table {
                thead { tr {
                    @for name in ["server", "waiting", "served", "mean", "p99", "busy"] { th scope="col" { (name) } }
                } }
                tbody {
                    @for lane in lanes {
                        tr id=(format!("row-{}", lane.id)) {
                            th scope="row" { (lane.name) }
                            @for _ in 0..5 { td {} }
                        }
                    }
                }
            }
        }
    }
}

/// What the script reads. `<` is escaped, so that no text can end the element.
fn data(picture: &LivingPicture) -> String {
    #[derive(Serialize)]
    struct Drawn<'a> {
        #[serde(flatten)]
        lane: &'a LaneView,
        colour: [String; 2],
        dash: &'static [f64],
    }
    #[derive(Serialize)]
    struct Start<'a> {
        seed: u32,
        costs: &'a str,
    }
    #[derive(Serialize)]
    struct Data<'a> {
        lanes: Vec<Drawn<'a>>,
        start: Start<'a>,
    }
    fn drawn(lane: &LaneView) -> Drawn<'_> {
        let look = style::of_design(lane.label);
        Drawn { lane, colour: [hex(look.colour), hex(lighter(look.colour))], dash: look.dash }
    }
    let data = Data {
        lanes: picture.lanes.iter().map(drawn).collect(),
        start: Start { seed: SEED, costs: &picture.costs },
    };
    serde_json::to_string(&data).expect("numbers and texts").replace('<', "\\u003c")
}

/// A colour for a dark ground: halfway to white.
fn lighter((red, green, blue): Colour) -> Colour {
    let half = |part: u8| part / 2 + 127;
    (half(red), half(green), half(blue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_are_small() {
        assert!(MODEL.len() + PICTURE.len() <= 25_000, "{}", MODEL.len() + PICTURE.len());
    }

    #[test]
    fn no_text_ends_the_data() {
        let picture = LivingPicture { lanes: Vec::new(), costs: "</script><b>".to_owned() };
        assert!(!data(&picture).contains('<'));
    }
}
