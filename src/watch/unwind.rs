//! From a thread's registers to the addresses on its stack, by the unwinding tables of the program and its libraries.
//!
//! Nothing here can fault: memory is read through the kernel, which refuses what is not there, so a table that is wrong,
//! or a thread in the middle of switching stacks, costs a short or odd stack and nothing else. No table is needed in
//! which frames lie in order: a fiber's stack and the one that it was resumed from are anywhere.

use std::fs::File;
use std::os::unix::fs::FileExt;

use gimli::{
    CfaRule, EhFrame, Encoding, EvaluationResult, Format, Location, Piece, Register, RegisterRule, UnwindContext,
    UnwindExpression, UnwindSection, Value,
};

use super::modules::{self, Bytes, Module, Tables};
use super::signal::{REGISTERS, Registers};
use crate::limits::STACK_FRAMES_MAX;

/// The address of the next instruction.
const PC: usize = REGISTERS - 1;
#[cfg(target_arch = "x86_64")]
const SP: usize = 7;
#[cfg(not(target_arch = "x86_64"))]
const SP: usize = 31;
/// Where frames are chained, as compilers may be asked to.
#[cfg(target_arch = "x86_64")]
const FP: usize = 6;
#[cfg(not(target_arch = "x86_64"))]
const FP: usize = 29;

/// Addresses in a stack, the innermost first.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    at: [u64; STACK_FRAMES_MAX],
    len: usize,
}

impl Addresses {
    /// For each frame an address within the instruction that it is at, or that it called from.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.at[..self.len].iter().copied()
    }
}

/// What walks need, made before any thread is held.
pub(super) struct Unwinder {
    modules: Vec<Module>,
    memory: File,
    context: Box<UnwindContext<usize>>,
}

/// What is known of a frame's registers.
type Known = [Option<u64>; REGISTERS];

impl Unwinder {
    pub(super) fn new() -> std::io::Result<Unwinder> {
        let memory = File::open("/proc/self/mem")?;
        Ok(Unwinder { modules: modules::loaded(), memory, context: Box::default() })
    }

    /// Walks the stack of a thread that stands still. One that does not makes the result odd, and no more.
    pub(super) fn walk(&mut self, registers: Registers) -> Addresses {
        let mut addresses = Addresses { at: [0; STACK_FRAMES_MAX], len: 0 };
        let mut known: Known = registers.0.map(Some);
        // The innermost frame is at an instruction; the others are behind a call, the last of its function perhaps.
        let mut is_exact = true;
        while let Some(pc) = known[PC].filter(|pc| *pc != 0) {
            let within = if is_exact { pc } else { pc - 1 };
            let Some(slot) = addresses.at.get_mut(addresses.len) else { break };
            *slot = within;
            addresses.len += 1;
            let Some((caller, exact)) = self.step(&known, within) else { break };
            if caller[PC] == known[PC] && caller[SP] == known[SP] {
                break;
            }
            (known, is_exact) = (caller, exact);
        }
        addresses
    }

    /// The registers of the caller, and whether its address is that of an instruction to come, as below a signal's frame.
    fn step(&mut self, known: &Known, within: u64) -> Option<(Known, bool)> {
        let Unwinder { modules, memory, context } = self;
        let module = modules.iter().find(|module| module.holds(within))?;
        let memory = Memory(memory);
        let by_tables = module.tables.as_ref().and_then(|tables| by_tables(tables, context, &memory, known, within));
        by_tables.or_else(|| by_chain(&memory, known).map(|caller| (caller, false)))
    }
}

fn by_tables(
    tables: &Tables,
    context: &mut UnwindContext<usize>,
    memory: &Memory<'_>,
    known: &Known,
    within: u64,
) -> Option<(Known, bool)> {
    let Tables { index, frames, bases } = tables;
    let entry = index.table()?.fde_for_address(frames, bases, within, EhFrame::cie_from_offset).ok()?;
    let is_signal = entry.is_signal_trampoline();
    let encoding = entry.cie().encoding();
    let back_to = usize::from(entry.cie().return_address_register().0);
    let row = entry.unwind_info_for_address(frames, bases, context, within).ok()?;
    let evaluate =
        |expression: &UnwindExpression<usize>, initial| run(expression, frames, encoding, memory, known, initial);
    let frame_at = match row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => {
            known.get(usize::from(register.0)).copied().flatten()?.wrapping_add_signed(*offset)
        }
        CfaRule::Expression(expression) => evaluate(expression, None)?,
    };
    let rule = |number: usize| row.register(Register(u16::try_from(number).unwrap_or(u16::MAX)));
    let value = |number: usize| match rule(number) {
        Some(RegisterRule::Offset(offset)) => memory.word(frame_at.wrapping_add_signed(offset)),
        Some(RegisterRule::ValOffset(offset)) => Some(frame_at.wrapping_add_signed(offset)),
        Some(RegisterRule::Register(other)) => known.get(usize::from(other.0)).copied().flatten(),
        Some(RegisterRule::Expression(expression)) => memory.word(evaluate(&expression, Some(frame_at))?),
        Some(RegisterRule::ValExpression(expression)) => evaluate(&expression, Some(frame_at)),
        Some(RegisterRule::Constant(value)) => Some(value),
        Some(RegisterRule::Undefined) => None,
        // By the ABI it is kept, if it is one that is kept at all; the others are never asked for.
        _ => known.get(number).copied().flatten(),
    };
    let mut caller: Known = std::array::from_fn(value);
    // Undefined where this is a thread's first frame.
    caller[PC] = value(back_to).map(address_of);
    if rule(SP).is_none() {
        caller[SP] = Some(frame_at);
    }
    Some((caller, is_signal))
}

/// A return address without the signature that some of the kind carry.
fn address_of(word: u64) -> u64 {
    if cfg!(target_arch = "aarch64") { word & ((1 << 48) - 1) } else { word }
}

/// For code without tables, as some of assembly: by the chain of frame pointers, where there is one.
fn by_chain(memory: &Memory<'_>, known: &Known) -> Option<Known> {
    let (frame, stack) = (known[FP]?, known[SP]?);
    if frame < stack {
        return None;
    }
    let mut caller = *known;
    caller[FP] = Some(memory.word(frame)?);
    caller[PC] = Some(memory.word(frame + 8)?);
    caller[SP] = Some(frame + 16);
    Some(caller)
}

/// Room for the evaluation of one expression, without an allocation.
struct Fixed;

impl gimli::EvaluationStorage<Bytes> for Fixed {
    type Stack = [Value; 16];
    type ExpressionStack = [(Bytes, Bytes); 1];
    type Result = [Piece<Bytes>; 1];
}

fn run(
    expression: &UnwindExpression<usize>,
    frames: &EhFrame<Bytes>,
    encoding: Encoding,
    memory: &Memory<'_>,
    known: &Known,
    initial: Option<u64>,
) -> Option<u64> {
    let code = expression.get(frames).ok()?;
    let encoding = Encoding { address_size: 8, format: Format::Dwarf32, ..encoding };
    let mut evaluation = gimli::Evaluation::<Bytes, Fixed>::new_in(code.0, encoding);
    evaluation.set_max_iterations(1_000);
    if let Some(initial) = initial {
        evaluation.set_initial_value(initial);
    }
    let mut state = evaluation.evaluate().ok()?;
    loop {
        state = match state {
            EvaluationResult::Complete => break,
            EvaluationResult::RequiresMemory { address, size: 8, .. } => {
                evaluation.resume_with_memory(Value::Generic(memory.word(address)?)).ok()?
            }
            EvaluationResult::RequiresRegister { register, .. } => {
                let value = known.get(usize::from(register.0)).copied().flatten()?;
                evaluation.resume_with_register(Value::Generic(value)).ok()?
            }
            _ => return None,
        };
    }
    match evaluation.as_result() {
        [Piece { location: Location::Address { address }, .. }] => Some(*address),
        _ => None,
    }
}

/// This process's memory, as the kernel gives it out: an address that is none is an error.
struct Memory<'a>(&'a File);

impl Memory<'_> {
    fn word(&self, at: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, at).ok()?;
        Some(u64::from_ne_bytes(bytes))
    }
}
