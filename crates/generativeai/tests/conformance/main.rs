//! The conformance runner: what the recorded SDK did, what we do instead on purpose, nothing else.

mod fault;
mod functions;
mod model;
mod normal;
mod outcome;
mod reader;
mod rows;
mod scenario;
mod script;

fn main() {
    let scenarios = scenario::load().expect("scenarios");
    let filter: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let mut bad = 0;
    for scenario in scenarios.iter().filter(|s| filter.iter().all(|f| s.name.contains(f))) {
        let recorded = outcome::recorded(scenario);
        let off = model::play(scenario, &rows::Rows::none());
        let _ = model::play(scenario, &rows::Rows::all());
        if recorded != off {
            if scenario.python_specific { println!("PS {}", scenario.name); }
            else { bad += 1; println!("BAD {}", scenario.name); }
            if recorded.setup != off.setup { println!("   setup {} | {}", recorded.setup, off.setup); }
            for (i, (a, b)) in recorded.steps.iter().zip(&off.steps).enumerate() {
                if a != b { println!("   step {i} {:?}\n      R {a}\n      M {b}", scenario.steps[i].op); break }
            }
            for (a, b) in recorded.requests.iter().zip(&off.requests) {
                if a != b { println!("   req R {a}\n       M {b}"); break }
            }
            if recorded.requests.len() != off.requests.len() { println!("  requests {} {}", recorded.requests.len(), off.requests.len()); }
            if recorded.function_calls != off.function_calls { println!("   fc R {:?}\n       M {:?}", recorded.function_calls, off.function_calls);  }
        }
    }
    println!("{bad} bad of {}", scenarios.len());
}
