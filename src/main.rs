//! The `rssd` program: everything it does is in the library.

fn main() -> std::process::ExitCode {
    rssd::cli::main()
}
