create or replace function _proposal_caps_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of the document proposal_caps. Definitions that schemas share are in _schema_definitions.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "proposal_caps",
  "description": "How many proposals pass in a UTC day and hour.",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "daily_limit": {
      "x-loosens": "greater",
      "description": "Proposals in a day, from all sources.",
      "type": ["integer", "null"],
      "minimum": 1,
      "maximum": 2147483647,
      "errorMessage": {
        "minimum": "must be 1 or more; leave it out for no limit, and stop what runs with fn_pause"
      },
      "x-default": "no limit",
      "examples": [100]
    },
    "hourly_limit": {
      "x-loosens": "greater",
      "description": "Proposals in an hour, from all sources.",
      "type": ["integer", "null"],
      "minimum": 1,
      "maximum": 2147483647,
      "errorMessage": {
        "minimum": "must be 1 or more; leave it out for no limit, and stop what runs with fn_pause"
      },
      "x-default": "no limit",
      "examples": [20]
    },
    "per_source": {
      "x-loosens": "removed",
      "description": "Limits of single sources, within those of all. A number is a daily limit; 0: none at all.",
      "type": ["object", "null"],
      "additionalProperties": {
        "anyOf": [
          {"type": ["integer", "null"], "minimum": 0, "maximum": 2147483647, "x-loosens": "greater"},
          {"$ref": "#/$defs/source_caps"}
        ]
      },
      "default": {},
      "examples": [{"agent:planner": 5, "trigger": {"hourly_limit": 10}}]
    },
    "over_limit": {
      "x-loosens": "less",
      "description": "What is over a limit: wait until the window that has room for it, or reject it.",
      "enum": ["wait", "reject", null],
      "default": "wait",
      "examples": ["reject"]
    },
    "max_waiting": {
      "x-loosens": "greater",
      "description": "How many proposals of one source wait for a limit; further ones are rejected.",
      "type": ["integer", "null"],
      "minimum": 0,
      "maximum": 1000000,
      "default": 1000,
      "examples": [50]
    },
    "description": {"$ref": "#/$defs/remark"},
    "per_source_limits": {
      "not": {},
      "errorMessage": "is called per_source here: write \"per_source\": {\"<source>\": 5}"
    }
  },
  "$defs": {
    "source_caps": {
      "title": "limits of a source",
      "description": "The limits of one source.",
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "daily_limit": {
          "x-loosens": "greater",
          "description": "Proposals of this source in a day.",
          "type": ["integer", "null"],
          "minimum": 0,
          "maximum": 2147483647,
          "x-default": "no limit",
          "examples": [5]
        },
        "hourly_limit": {
          "x-loosens": "greater",
          "description": "Proposals of this source in an hour.",
          "type": ["integer", "null"],
          "minimum": 0,
          "maximum": 2147483647,
          "x-default": "no limit",
          "examples": [2]
        }
      }
    }
  }
}
$json$;
end;
$$;
