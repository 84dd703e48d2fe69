//! A result with a column of each type: a full row, a row without values, a row of hard cases.

use std::sync::Arc;

use almagest_engine::arrow::array::{
    ArrayRef, BooleanArray, BooleanBuilder, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, ListArray, ListBuilder, StringArray, StringViewArray,
    TimestampMicrosecondArray, UInt8Array, UInt64Array,
};
use almagest_engine::arrow::datatypes::{
    DataType, Field, Float64Type, Int32Type, Schema, UInt8Type,
};
use almagest_engine::arrow::record_batch::RecordBatch;
use almagest_engine::geometry::{self, GeometryType};
use almagest_server::formats::Provenance;
use almagest_storage::schema::arrow::XTYPE;
use almagest_storage::schema::{ColumnDef, Datatype};

/// The result.
pub fn batch() -> RecordBatch {
    batch_with(i32::MIN)
}

/// The same without the least integer, which stands for none in VOTable's BINARY.
pub fn batch_for_binary() -> RecordBatch {
    batch_with(i32::MIN + 1)
}

fn batch_with(visits: i32) -> RecordBatch {
    let described = [
        column("objectId", Datatype::Long, "", "meta.id;meta.main", "Identifier of the object"),
        column("ra", Datatype::Double, "deg", "pos.eq.ra;meta.main", "Right ascension <ICRS>"),
        column("psfFlux", Datatype::Float, "nJy", "phot.flux", ""),
        column("expMidptMJD", Datatype::Double, "d", "time.epoch", "Middle of the exposure"),
        column("band", Datatype::Char, "", "instr.bandpass", "Name of the band"),
        ColumnDef { length: Some(8), ..column("label", Datatype::Unicode, "", "", "Any text") },
        column("created", Datatype::Timestamp, "", "time.creation", "When the row was written"),
        column("isolated", Datatype::Boolean, "", "meta.code", "No neighbour?"),
    ];
    let mut fields: Vec<Field> = described.iter().map(ColumnDef::to_field).collect();
    // The engine may answer in a type that is equal in meaning.
    fields[5] = fields[5].clone().with_data_type(DataType::Utf8View);
    fields.extend([
        Field::new("tiny", DataType::Int8, true),
        Field::new("detector", DataType::Int16, true),
        Field::new("visits", DataType::Int32, true),
        Field::new("COUNT(*)", DataType::UInt64, true),
        Field::new_list("position", Field::new_list_field(DataType::Float64, true), true)
            .with_metadata([(XTYPE.to_owned(), "point".to_owned())].into()),
    ]);
    fields.extend([
        GeometryType::Point.field("center"),
        GeometryType::Circle.field("beam"),
        GeometryType::Polygon.field("outline"),
        GeometryType::Region.field("s_region"),
        Field::new_list("histogram", Field::new_list_field(DataType::Int32, true), true),
        Field::new("quality", DataType::UInt8, true),
        Field::new_list("bits", Field::new_list_field(DataType::Boolean, true), true),
        Field::new_list("mask", Field::new_list_field(DataType::UInt8, true), true),
    ]);
    let histograms = [Some(vec![Some(0), Some(3), Some(-1)]), None, Some(vec![])];
    let triangle = vec![10.0, -1.5, 11.0, -1.5, 10.5, 1e-7];
    let points = [Some(vec![Some(53.1), Some(-27.8)]), None, Some(vec![Some(0.0), Some(90.0)])];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![Some(i64::MAX), None, Some(-1)])),
        Arc::new(Float64Array::from(vec![Some(53.123_456_789_012_3), None, Some(1e-9)])),
        Arc::new(Float32Array::from(vec![Some(1234.5), None, Some(-0.1)])),
        Arc::new(Float64Array::from(vec![Some(60_000.25), None, Some(61_000.0)])),
        Arc::new(StringArray::from(vec![Some("r"), None, Some("a,\"b\"")])),
        Arc::new(StringViewArray::from(vec![Some("Crab"), None, Some("<Ω&\u{1}\t𝛼>")])),
        Arc::new(TimestampMicrosecondArray::from(vec![Some(1_700_000_000_123_456), None, Some(0)])),
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        Arc::new(Int8Array::from(vec![Some(-128), None, Some(127)])),
        Arc::new(Int16Array::from(vec![Some(62), None, Some(-1)])),
        Arc::new(Int32Array::from(vec![Some(10), None, Some(visits)])),
        Arc::new(UInt64Array::from(vec![Some(3), None, Some(0)])),
        Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(points)),
        geometry::points([Some([53.1, -27.8]), None, Some([0.0, 90.0])].into_iter()),
        geometry::circles([Some([53.1, -27.8, 0.5]), None, Some([0.0, 90.0, 180.0])].into_iter()),
        geometry::polygons([Some(triangle), None, None].into_iter()),
        Arc::new(StringArray::from(vec![Some("UNION ICRS (CIRCLE 1 2 3)"), None, Some("5/1-3")])),
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(histograms)),
        Arc::new(UInt8Array::from(vec![Some(0), None, Some(254)])),
        Arc::new(booleans(&[Some(&[true, false]), None, Some(&[])])),
        Arc::new(ListArray::from_iter_primitive::<UInt8Type, _, _>([
            Some(vec![Some(255), Some(0)]),
            None,
            Some(vec![]),
        ])),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn booleans(lists: &[Option<&[bool]>]) -> ListArray {
    let mut builder = ListBuilder::new(BooleanBuilder::new());
    for list in lists {
        builder.append_option(list.map(|list| list.iter().copied().map(Some).collect::<Vec<_>>()));
    }
    builder.finish()
}

/// What the result says of itself.
pub fn provenance() -> Provenance {
    Provenance {
        query: "SELECT *\nFROM t WHERE a < 'b'".to_owned(),
        version: "12".to_owned(),
        warnings: vec!["LIMIT 3 is read as TOP 3".to_owned()],
        links: Some("http://localhost/datalink/links".to_owned()),
        form: None,
    }
}

fn column(name: &str, datatype: Datatype, unit: &str, ucd: &str, description: &str) -> ColumnDef {
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ColumnDef {
        name: name.to_owned(),
        datatype,
        length: None,
        nullable: true,
        unit: filled(unit),
        ucd: filled(ucd),
        utype: None,
        xtype: None,
        description: description.to_owned(),
        principal: true,
        standard: false,
        column_index: None,
        default: None,
        number: None,
    }
}
