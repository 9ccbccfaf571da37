//! Chunks of a body that stand both in JavaScript and in wasm memory.
//!
//! A chunk is copied into wasm memory once, to be decoded there; a message inside it is a slice of that copy. When such
//! a slice goes back to JavaScript, [`view`] finds where it stands in the chunk that `fetch` gave, and nothing is copied
//! out.

use std::cell::RefCell;

use bytes::Bytes;
use js_sys::Uint8Array;

/// A chunk that is alive, as long as any slice of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChunkId(u32);

/// Where bytes stand in the chunk that they came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The chunk; [`chunk`] gives its array.
    pub chunk: ChunkId,
    /// Where in the chunk the bytes begin.
    pub offset: u32,
}

/// Where `bytes` stand in a chunk that `fetch` gave; `None` where they do not: they are empty, were put together from two
/// chunks, or came about otherwise.
pub fn view(bytes: &Bytes) -> Option<View> {
    CHUNKS.with_borrow(|chunks| {
        let address = bytes.as_ptr() as usize;
        let entry = chunks.alive.get(chunks.position(address).checked_sub(1)?)?;
        let offset = address - entry.start;
        let inside = !bytes.is_empty() && offset + bytes.len() <= entry.length;
        inside.then_some(View { chunk: entry.id, offset: u32::try_from(offset).ok()? })
    })
}

/// The array of a chunk; `None` once no slice of it is alive, or when a page has given its buffer away (to a worker, for
/// instance), in which case the bytes have to be copied out.
pub fn chunk(id: ChunkId) -> Option<Uint8Array> {
    CHUNKS.with_borrow(|chunks| {
        let entry = chunks.alive.iter().rev().find(|entry| entry.id == id)?;
        (entry.array.length() as usize == entry.length).then(|| entry.array.clone())
    })
}

/// Takes in a chunk of a body.
pub(super) fn receive(array: Uint8Array) -> Bytes {
    if array.length() == 0 {
        return Bytes::new();
    }
    Bytes::from_owner(Owner::new(array))
}

thread_local! {
    static CHUNKS: RefCell<Chunks> = const { RefCell::new(Chunks { alive: Vec::new(), next: 0 }) };
}

struct Chunks {
    /// In the order of their addresses.
    alive: Vec<Entry>,
    next: u32,
}

struct Entry {
    start: usize,
    length: usize,
    id: ChunkId,
    array: Uint8Array,
}

impl Chunks {
    /// How many chunks begin at or before `address`.
    fn position(&self, address: usize) -> usize {
        self.alive.partition_point(|entry| entry.start <= address)
    }
}

/// The copy in wasm memory, which takes its entry along when the last slice is dropped.
struct Owner(Box<[u8]>);

impl Owner {
    fn new(array: Uint8Array) -> Self {
        // Boxed: an address never moves, nor is it another's, as long as the entry stands.
        let bytes = array.to_vec().into_boxed_slice();
        CHUNKS.with_borrow_mut(|chunks| {
            let (start, length, id) = (bytes.as_ptr() as usize, bytes.len(), ChunkId(chunks.next));
            chunks.next = chunks.next.wrapping_add(1);
            let at = chunks.position(start);
            chunks.alive.insert(at, Entry { start, length, id, array });
        });
        Self(bytes)
    }
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let start = self.0.as_ptr() as usize;
        CHUNKS.with_borrow_mut(|chunks| {
            if let Some(at) = chunks.position(start).checked_sub(1)
                && chunks.alive.get(at).is_some_and(|entry| entry.start == start)
            {
                chunks.alive.remove(at);
            }
        });
    }
}
