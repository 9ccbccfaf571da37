//! What the fuzz targets share: cutting bytes as a network might.

use bytes::Bytes;

/// An input: how to cut, and what.
///
/// The first byte says how many cuts there are (up to seven); each takes a byte, its place in 255ths of the whole.
pub fn pieces(input: &[u8]) -> Option<(Bytes, Vec<Bytes>)> {
    let (&count, rest) = input.split_first()?;
    let (cuts, wire) = rest.split_at_checked(usize::from(count % 8))?;
    let wire = Bytes::copy_from_slice(wire);
    let mut places: Vec<_> = cuts.iter().map(|&cut| usize::from(cut) * wire.len() / 255).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for to in places.into_iter().chain([wire.len()]) {
        pieces.push(wire.slice(from..to));
        from = to;
    }
    Some((wire, pieces))
}
