//! Closures that are not handlers.

use generativeai::Function;

struct Opaque;

fn main() {
    Function::new("open", "Opens.", |it: Opaque| drop(it));
    Function::new("open", "Opens.", || Opaque);
    Function::new("open", "Opens.", |a: u8, b: u8| a + b);
}
