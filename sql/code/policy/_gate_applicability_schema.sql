create or replace function _gate_applicability_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of the document gate_applicability. Definitions that schemas share are in _schema_definitions.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "gate_applicability",
  "description": "Which gates a directive needs, by its type. Case does not count.",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "matrix": {
      "description": "Types of directive, and what each gate is for them.",
      "type": ["object", "null"],
      "additionalProperties": {
        "type": "object",
        "additionalProperties": {"enum": ["REQUIRED", "OPTIONAL", "NON_APPLICABLE"], "default": "REQUIRED",
                                 "x-loosens": "greater"}
      },
      "default": {},
      "examples": [{"feature": {"TESTING": "REQUIRED", "DATABASE": "OPTIONAL"}}]
    },
    "lightweight": {
      "description": "Types that need less, and the gates that they skip.",
      "type": ["object", "null"],
      "additionalProperties": false,
      "default": {},
      "examples": [{"types": ["chore"], "gates": ["FILE_SCOPE"]}],
      "properties": {
        "types": {
          "x-loosens": "added",
          "description": "Types of directive.", "$ref": "#/$defs/texts_or_null", "default": [], "examples": [["chore"]]
        },
        "gates": {
          "x-loosens": "added",
          "description": "Gates that they skip.", "$ref": "#/$defs/texts_or_null", "default": [],
          "examples": [["FILE_SCOPE"]]
        }
      }
    },
    "documentation": {
      "description": "Types that change no program, and the gates that they skip.",
      "type": ["object", "null"],
      "additionalProperties": false,
      "default": {},
      "examples": [{"types": ["docs"], "gates": ["TESTING"]}],
      "properties": {
        "types": {
          "x-loosens": "added",
          "description": "Types of directive.", "$ref": "#/$defs/texts_or_null", "default": [], "examples": [["docs"]]
        },
        "gates": {
          "x-loosens": "added",
          "description": "Gates that they skip.", "$ref": "#/$defs/texts_or_null", "default": [],
          "examples": [["TESTING"]]
        }
      }
    },
    "description": {"$ref": "#/$defs/remark"}
  }
}
$json$;
end;
$$;
