create or replace function _reaction_matrix_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of the document reaction_matrix. Definitions that schemas share are in _schema_definitions.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "reaction_matrix",
  "description": "Which events are answered with which proposals.",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "patterns": {
      "x-key": "name", "x-loosens": "added",
      "description": "Every event is held against each pattern; each that matches makes a reaction.",
      "type": ["array", "null"],
      "items": {"$ref": "#/$defs/pattern"},
      "default": [],
      "examples": [[{"name": "disk", "event_type": "disk:full", "template": {"steps": [{"kind": "noop"}]}}]]
    },
    "description": {"$ref": "#/$defs/remark"}
  },
  "$defs": {
    "pattern": {
      "title": "pattern",
      "description": "An answer to events.",
      "type": "object",
      "required": ["name", "event_type", "template"],
      "additionalProperties": false,
      "properties": {
        "name": {
          "x-loosens": "never",
          "description": "Its name, which no other pattern has.",
          "type": "string",
          "minLength": 1,
          "maxLength": 200,
          "examples": ["disk is full"]
        },
        "description": {"x-loosens": "never", "description": "A remark of your own.", "type": "string",
                        "x-default": "none", "maxLength": 10000, "examples": ["since the outage of May"]},
        "enabled": {
          "x-loosens": "true",
          "description": "false: it matches nothing.",
          "type": "boolean",
          "default": true,
          "examples": [false]
        },
        "event_type": {
          "x-loosens": "added",
          "description": "Types of event, as globs.",
          "$ref": "#/$defs/text_or_texts",
          "examples": [["disk:*", "step:*:failed"]]
        },
        "tags": {
          "x-loosens": "removed",
          "description": "Only events whose data.tags has all of these.",
          "$ref": "#/$defs/texts",
          "default": [],
          "examples": [["prod"]]
        },
        "source": {
          "x-loosens": "added",
          "description": "Only events whose data.source is one of these.",
          "$ref": "#/$defs/text_or_texts",
          "x-default": "any",
          "examples": ["zabbix"]
        },
        "probability": {
          "x-loosens": "greater",
          "description": "The share of matching events that it answers, chosen by a hash of event and pattern.",
          "type": "number",
          "minimum": 0,
          "maximum": 1,
          "default": 1,
          "examples": [0.1]
        },
        "cooldown_minutes": {
          "x-loosens": "less",
          "description": "After an answer, it answers nothing for so long.",
          "type": "number",
          "minimum": 0,
          "maximum": 5256000,
          "default": 0,
          "examples": [60]
        },
        "dedupe_key": {
          "x-loosens": "changed",
          "description": "One proposal for each key, ever. Takes {{event.…}}.",
          "type": "string",
          "minLength": 1,
          "maxLength": 1000,
          "x-default": "none",
          "examples": ["disk:{{event.data.host}}"]
        },
        "max_depth": {
          "x-loosens": "greater",
          "description": "It leaves alone events that came of more missions one after the other than this.",
          "type": "integer",
          "minimum": 0,
          "maximum": 1000,
          "default": 5,
          "examples": [0]
        },
        "template": {
          "x-loosens": "changed",
          "description": "What it proposes.",
          "$ref": "#/$defs/template",
          "examples": [{"title": "Look at {{event.data.host}}", "steps": [{"kind": "noop"}]}]
        },
        "id": {"not": {}, "errorMessage": "is called name here: write \"name\": \"…\""},
        "type": {"not": {}, "errorMessage": "is called event_type here: write \"event_type\": \"…\""}
      }
    }
  }
}
$json$;
end;
$$;
