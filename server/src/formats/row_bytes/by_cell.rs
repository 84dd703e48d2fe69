//! The same rows the slow and obvious way, value by value: what the fast way is tested against.

use std::sync::Arc;

use almagest_engine::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int16Array, Int32Array,
    Int64Array, ListArray, StringArray, TimestampMicrosecondArray, UInt8Array,
};
use almagest_engine::arrow::datatypes::{Float64Type, Int16Type};
use almagest_engine::tap_schema::{ArraySize, Primitive, VotableType};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// Append the value of a row as BINARY2 or BINARY has it.
fn write_value(
    column: &Column<'_>,
    row: usize,
    kind: &VotableType,
    absent: i64,
    out: &mut Vec<u8>,
) {
    let null = column.is_null(row);
    match column {
        Column::Boolean(_) if null => out.push(b'?'),
        Column::Boolean(a) => out.push(if a.value(row) { b'T' } else { b'F' }),
        Column::Byte(a) => out.push(if null { absent as u8 } else { a.value(row) }),
        Column::Short(a) => {
            out.extend(if null { absent as i16 } else { a.value(row) }.to_be_bytes());
        }
        Column::Int(a) => out.extend(if null { absent as i32 } else { a.value(row) }.to_be_bytes()),
        Column::Long(a) => out.extend(if null { absent } else { a.value(row) }.to_be_bytes()),
        Column::Float(a) => out.extend(if null { f32::NAN } else { a.value(row) }.to_be_bytes()),
        Column::Double(a) => out.extend(if null { f64::NAN } else { a.value(row) }.to_be_bytes()),
        Column::Text(a) => {
            let text = if null { "" } else { a.value(row) };
            if kind.primitive == Primitive::UnicodeChar {
                out.extend((text.encode_utf16().count() as i32).to_be_bytes());
                out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
            } else {
                out.extend((text.len() as i32).to_be_bytes());
                out.extend(text.bytes());
            }
        }
        Column::Bytes(a) => {
            let bytes = if null { &[] } else { a.value(row) };
            out.extend((bytes.len() as i32).to_be_bytes());
            out.extend(bytes);
        }
        Column::Time(a) => {
            let mut text = Vec::new();
            if !null {
                write_time(&mut text, a.value(row));
            }
            out.extend((text.len() as i32).to_be_bytes());
            out.extend(text);
        }
        Column::Numbers(lists, all) => {
            let range = if null { 0..0 } else { elements(lists, row) };
            let scalar = VotableType { arraysize: ArraySize::Scalar, ..kind.clone() };
            let ArraySize::Fixed(n) = kind.arraysize else {
                out.extend((range.len() as i32).to_be_bytes());
                return range.for_each(|at| write_value(all, at, &scalar, 0, out));
            };
            let n = n as usize;
            let filling = n.saturating_sub(range.len());
            range.take(n).for_each(|at| write_value(all, at, &scalar, 0, out));
            for _ in 0..filling {
                match all.as_ref() {
                    Column::Short(_) => out.extend(0_i16.to_be_bytes()),
                    Column::Double(_) => out.extend(f64::NAN.to_be_bytes()),
                    _ => unreachable!("no such array is drawn"),
                }
            }
        }
    }
}

fn write_rows(columns: &[Column<'_>], kinds: &[VotableType], flags: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for row in 0..ROWS {
        if flags {
            for eight in columns.chunks(8) {
                let set = eight.iter().enumerate().filter(|(_, column)| column.is_null(row));
                out.push(set.fold(0, |byte, (index, _)| byte | 0x80 >> index));
            }
        }
        for (column, kind) in columns.iter().zip(kinds) {
            let stand_in = if flags { 0 } else { absent(kind).unwrap_or(0) };
            write_value(column, row, kind, stand_in, &mut out);
        }
    }
    out
}

/// More than a block, and no multiple of it.
const ROWS: usize = 2 * BLOCK_ROWS + 77;

/// A column of random values, a part of them absent (none of them where `nulls` is 0).
fn draw(kind: usize, nulls: f64, random: &mut ChaCha8Rng) -> (ArrayRef, VotableType) {
    let texts = ["", "r", "Ω Cen", "𝛼", "a longer text with <markup> & \"quotes\"", "é"];
    let of = |primitive, arraysize| VotableType { primitive, arraysize, xtype: None };
    let scalar = |primitive| of(primitive, ArraySize::Scalar);
    let mut present: Vec<Option<u64>> = Vec::new();
    for _ in 0..ROWS {
        let value = random.next_u64();
        present.push((!random.random_bool(nulls)).then_some(value));
    }
    let each = present.iter().copied();
    let lists = |v: u64| (0..v % 5).map(move |i| (i != 3).then_some(v.rotate_left(i as u32)));
    match kind {
        0 => (
            Arc::new(BooleanArray::from_iter(each.map(|v| v.map(|v| v % 2 == 0)))),
            scalar(Primitive::Boolean),
        ),
        1 => (
            Arc::new(UInt8Array::from_iter(each.map(|v| v.map(|v| v as u8)))),
            scalar(Primitive::UnsignedByte),
        ),
        2 => (
            Arc::new(Int16Array::from_iter(each.map(|v| v.map(|v| v as i16)))),
            scalar(Primitive::Short),
        ),
        3 => (
            Arc::new(Int32Array::from_iter(each.map(|v| v.map(|v| v as i32)))),
            scalar(Primitive::Int),
        ),
        4 => (
            Arc::new(Int64Array::from_iter(each.map(|v| v.map(|v| v as i64)))),
            scalar(Primitive::Long),
        ),
        5 => {
            let values = each.map(|v| v.map(|v| f32::from_bits(v as u32)));
            (Arc::new(Float32Array::from_iter(values)), scalar(Primitive::Float))
        }
        6 => {
            let values = each.map(|v| v.map(f64::from_bits));
            (Arc::new(Float64Array::from_iter(values)), scalar(Primitive::Double))
        }
        7 | 8 => {
            let values = each.map(|v| v.map(|v| texts[v as usize % texts.len()]));
            let primitive = if kind == 7 { Primitive::UnicodeChar } else { Primitive::Char };
            (Arc::new(StringArray::from_iter(values)), of(primitive, ArraySize::Any))
        }
        9 => {
            let values = each.map(|v| v.map(|v| v.to_le_bytes()[..v as usize % 9].to_vec()));
            (Arc::new(BinaryArray::from_iter(values)), of(Primitive::UnsignedByte, ArraySize::Any))
        }
        10 => (
            Arc::new(TimestampMicrosecondArray::from_iter(each.map(|v| v.map(|v| v as i64 >> 9)))),
            of(Primitive::Char, ArraySize::Any),
        ),
        11 => {
            let values = each.map(|v| v.map(|v| lists(v).map(|x| x.map(f64::from_bits))));
            (
                Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(values)),
                of(Primitive::Double, ArraySize::Any),
            )
        }
        12 => {
            let values = each.map(|v| v.map(|v| lists(v).map(|x| x.map(f64::from_bits))));
            (
                Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(values)),
                of(Primitive::Double, ArraySize::Fixed(3)),
            )
        }
        _ => {
            let values = each.map(|v| v.map(|v| lists(v).map(|x| x.map(|x| x as i16))));
            (
                Arc::new(ListArray::from_iter_primitive::<Int16Type, _, _>(values)),
                of(Primitive::Short, ArraySize::Fixed(2)),
            )
        }
    }
}

#[test]
fn both_ways_write_the_same_bytes() {
    for seed in 0..60 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let width = 1 + seed as usize % 19;
        let drawn: Vec<_> = (0..width)
            .map(|_| {
                let nulls = [0.0, 0.2, 1.0][random.random_range(0..3)];
                draw(random.random_range(0..14), nulls, &mut random)
            })
            .collect();
        let columns: Vec<Column<'_>> =
            drawn.iter().map(|(array, _)| Column::of(array).unwrap()).collect();
        let kinds: Vec<VotableType> = drawn.iter().map(|(_, kind)| kind.clone()).collect();
        for (mut layout, flags) in
            [(Layout::binary2(&kinds), true), (Layout::binary(&kinds), false)]
        {
            let mut found = b"before".to_vec();
            let cut = random.random_range(0..=ROWS);
            layout.write(&columns, 0..cut, &mut found);
            layout.write(&columns, cut..ROWS, &mut found);
            let expected = write_rows(&columns, &kinds, flags);
            assert!(found[6..] == expected, "seed {seed}, flags {flags}, {kinds:?}");
        }
    }
}
