create or replace function _auto_approve_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of the document auto_approve. Definitions that schemas share are in _schema_definitions.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "auto_approve",
  "description": "What may run without the decision of a person.",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "enabled": {
      "x-loosens": "true",
      "description": "Nothing runs by itself unless this is true.",
      "type": ["boolean", "null"],
      "default": false,
      "examples": [true]
    },
    "allowed_step_kinds": {
      "x-loosens": "added",
      "description": "Kinds of step, as globs; every step of the template must match.",
      "$ref": "#/$defs/texts_or_null",
      "default": [],
      "examples": [["noop", "radar", "report:*"]]
    },
    "allowed_executors": {
      "x-absent": "unknown", "x-loosens": "added",
      "description": "Executors, as globs; every step of the template must match.",
      "$ref": "#/$defs/texts_or_null",
      "x-default": "what allowed_step_kinds says",
      "examples": [["noop", "sql"]]
    },
    "max_risk_level": {
      "x-loosens": "greater",
      "description": "Steps above this risk need a person.",
      "enum": ["low", "medium", "high", null],
      "default": "low",
      "examples": ["medium"]
    },
    "risk_rules": {
      "x-key": "name", "x-absent": "unknown", "x-loosens": "removed",
      "description": "What raises the risk of a step. Left out: the built-in rules. []: none.",
      "type": ["array", "null"],
      "items": {"$ref": "#/$defs/risk_rule"},
      "x-default": "the built-in rules",
      "examples": [[{"name": "commands", "executor": "command", "risk_level": "high"}]]
    },
    "description": {"$ref": "#/$defs/remark"}
  },
  "$defs": {
    "risk_rule": {
      "title": "risk rule",
      "description": "Steps that it matches have at least this risk; the highest of all that match counts.",
      "type": "object",
      "required": ["name", "risk_level"],
      "additionalProperties": false,
      "properties": {
        "name": {
          "x-loosens": "never",
          "description": "Its name, which reasons mention.",
          "type": "string",
          "minLength": 1,
          "maxLength": 200,
          "examples": ["sql that drops"]
        },
        "description": {"$ref": "#/$defs/remark"},
        "executor": {
          "x-loosens": "removed",
          "description": "Only steps of these executors, as globs.",
          "$ref": "#/$defs/text_or_texts_or_null",
          "x-default": "any",
          "examples": ["sql"]
        },
        "kind": {
          "x-loosens": "removed",
          "description": "Only steps of these kinds, as globs.",
          "$ref": "#/$defs/text_or_texts_or_null",
          "x-default": "any",
          "examples": ["deploy:*"]
        },
        "params": {
          "x-loosens": "changed",
          "description": "Regular expressions by path into params, without regard to case; all must match. * is all.",
          "type": "object",
          "additionalProperties": {"type": "string", "format": "regex"},
          "errorMessage": {"type": "must be an object of regular expressions"},
          "default": {},
          "examples": [{"statement": "\\y(drop|truncate)\\y"}]
        },
        "unless_params": {
          "x-loosens": "changed",
          "description": "Regular expressions likewise; the rule does not apply where all of them match.",
          "type": "object",
          "additionalProperties": {"type": "string", "format": "regex"},
          "errorMessage": {"type": "must be an object of regular expressions"},
          "x-default": "none",
          "examples": [{"method": "^(get|head)$"}]
        },
        "risk_level": {
          "x-loosens": "less",
          "description": "The risk of what it matches.",
          "enum": ["low", "medium", "high"],
          "examples": ["high"]
        }
      }
    }
  }
}
$json$;
end;
$$;
