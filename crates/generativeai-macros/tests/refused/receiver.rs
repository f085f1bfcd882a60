//! A function with a receiver.

use generativeai::function;

struct Guide;

impl Guide {
    /// Guides.
    #[function]
    fn guide(&self, mountain: String) -> String {
        mountain
    }
}

fn main() {}
