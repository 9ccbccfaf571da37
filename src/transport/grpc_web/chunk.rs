//! Chunks of a body that stand both in JavaScript and in wasm memory.
//!
//! A chunk is copied into wasm memory once, to be decoded there; a message inside it is a slice of that copy. When such
//! a slice goes back to JavaScript, [`view`] finds where it stands in the chunk that `fetch` gave, and nothing is copied
//! out.

use std::cell::RefCell;

use bytes::Bytes;
use js_sys::Uint8Array;

use crate::rt::copied;

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
pub(in crate::transport) fn receive(array: Uint8Array) -> Bytes {
    let bytes = copied(&array);
    if bytes.is_empty() { Bytes::new() } else { Bytes::from_owner(Owner::new(bytes, array)) }
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
    fn new(bytes: Vec<u8>, array: Uint8Array) -> Self {
        // Boxed: an address never moves, nor is it another's, as long as the entry stands.
        let bytes = bytes.into_boxed_slice();
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

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn array(length: u8) -> Uint8Array {
        Uint8Array::from(&(0..length).collect::<Vec<_>>()[..])
    }

    #[wasm_bindgen_test]
    fn a_slice_is_found_in_its_chunk_as_long_as_it_lives() {
        let (first, second) = (array(10), array(20));
        let (a, b) = (receive(first.clone()), receive(second.clone()));
        for (bytes, array) in [(&a, &first), (&b, &second)] {
            for from in 0..bytes.len() {
                let slice = bytes.slice(from..);
                let view = view(&slice).expect("it lies in a chunk");
                let chunk = chunk(view.chunk).expect("the chunk is alive");
                assert!(js_sys::Object::is(&chunk, array), "the very array that came");
                assert_eq!(chunk.subarray(view.offset, view.offset + slice.len() as u32).to_vec(), slice);
            }
        }
        let last = a.slice(9..);
        let id = view(&last).expect("it lies in a chunk").chunk;
        drop(a);
        assert!(chunk(id).is_some(), "a slice is alive");
        drop(last);
        assert!(chunk(id).is_none(), "nothing of it is alive");
        assert!(view(&b).is_some());
    }

    #[wasm_bindgen_test]
    fn other_bytes_are_in_no_chunk() {
        let chunk = receive(array(10));
        for bytes in [Bytes::new(), Bytes::from_static(b"abc"), chunk.slice(3..3), chunk.to_vec().into()] {
            assert_eq!(view(&bytes), None);
        }
        assert_eq!(view(&receive(array(0))), None);
    }

    #[wasm_bindgen_test]
    fn a_chunk_whose_buffer_was_given_away_is_not_used() {
        let array = array(10);
        let bytes = receive(array.clone());
        let view = view(&bytes).expect("it lies in a chunk");
        let transfer = js_sys::Array::of1(&array.buffer());
        let options = js_sys::Object::new();
        js_sys::Reflect::set(&options, &"transfer".into(), &transfer).expect("an option is set");
        structured_clone(&array, &options);
        assert!(chunk(view.chunk).is_none());
        assert_eq!(bytes, (0..10).collect::<Vec<u8>>());
    }

    #[wasm_bindgen::prelude::wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_name = structuredClone)]
        fn structured_clone(value: &Uint8Array, options: &js_sys::Object) -> wasm_bindgen::JsValue;
    }
}
