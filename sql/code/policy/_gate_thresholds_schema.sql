create or replace function _gate_thresholds_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of the document gate_thresholds. Definitions that schemas share are in _schema_definitions.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "gate_thresholds",
  "description": "The score that a directive needs, by its type; default: types not named. Case does not count.",
  "type": "object",
  "properties": {"description": {"$ref": "#/$defs/remark"}},
  "additionalProperties": {
    "x-absent": "unknown", "x-loosens": "less",
    "description": "The score.",
    "type": "number", "minimum": 0, "maximum": 100, "default": 85, "examples": [90]
  }
}
$json$;
end;
$$;
