create or replace function _transition_rules_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of the document transition_rules. Definitions that schemas share are in _schema_definitions.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "transition_rules",
  "description": "What transitions of a directive do, by type. A rule can set only the columns that are named here.",
  "type": "object",
  "x-loosens": "added",
  "properties": {"description": {"$ref": "#/$defs/remark"}},
  "propertyNames": {
    "pattern": "^[a-z][a-z0-9_]{0,62}$",
    "errorMessage": "a transition type is lower-case letters, digits and _"
  },
  "additionalProperties": {"$ref": "#/$defs/transition_rule"},
  "$defs": {
    "transition_rule": {
      "title": "transition rule",
      "description": "What one type of transition does.",
      "type": "object",
      "required": ["to"],
      "additionalProperties": false,
      "properties": {
        "from": {
          "x-loosens": "added",
          "description": "Phases that it starts from.",
          "$ref": "#/$defs/texts_or_null", "x-default": "any", "examples": [["LEAD"]]
        },
        "to": {
          "x-loosens": "changed",
          "description": "The phase that it leads to.",
          "type": "string", "minLength": 1, "maxLength": 200, "examples": ["PLAN_PRD"]
        },
        "sd_status": {
          "x-loosens": "changed",
          "description": "The status that the directive gets.",
          "type": ["string", "null"], "minLength": 1, "maxLength": 200, "x-default": "the one it has",
          "examples": ["in_progress"]
        },
        "stories": {
          "x-loosens": "changed",
          "description": "What it does to the stories of the directive.",
          "type": ["object", "null"],
          "additionalProperties": false,
          "default": {},
          "examples": [{"from": ["ready"], "set": {"implementation_status": "validated"}}],
          "properties": {
            "from": {
              "description": "Only stories of these statuses.",
              "$ref": "#/$defs/texts_or_null", "x-default": "any", "examples": [["draft", "ready"]]
            },
            "set": {
              "description": "Columns that are set: status, implementation_status.",
              "type": ["object", "null"],
              "additionalProperties": false,
              "default": {},
              "examples": [{"implementation_status": "validated"}],
              "properties": {
                "status": {"description": "The status of the stories.", "type": "string", "minLength": 1,
                           "maxLength": 200, "x-default": "as it is", "examples": ["completed"]},
                "implementation_status": {"description": "Their implementation status.", "type": "string",
                                          "minLength": 1, "maxLength": 200, "x-default": "as it is",
                                          "examples": ["validated"]}
              }
            },
            "status": {
              "description": "The new status for each old one.",
              "type": ["object", "null"],
              "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 200},
              "default": {},
              "examples": [{"in_progress": "completed"}]
            }
          }
        },
        "requirement": {
          "x-loosens": "changed",
          "description": "What it does to the requirement of the directive.",
          "type": ["object", "null"],
          "additionalProperties": false,
          "default": {},
          "examples": [{"set": {"status": "verification"}}],
          "properties": {
            "set": {
              "description": "Columns that are set: status, phase.",
              "type": ["object", "null"],
              "additionalProperties": false,
              "default": {},
              "examples": [{"phase": "verification"}],
              "properties": {
                "status": {"description": "The status of the requirement.", "type": "string", "minLength": 1,
                           "maxLength": 200, "x-default": "as it is", "examples": ["verification"]},
                "phase": {"description": "Its phase.", "type": "string", "minLength": 1, "maxLength": 200,
                          "x-default": "as it is", "examples": ["verification"]}
              }
            }
          }
        },
        "gates": {
          "x-loosens": "false",
          "description": "Whether the gates must have let the directive pass.",
          "type": ["boolean", "null"], "default": false, "examples": [true]
        },
        "description": {"$ref": "#/$defs/remark"}
      }
    }
  }
}
$json$;
end;
$$;
