create or replace function _tests_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of tests of policy, in a policy file and for fn_test_policy.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "tests",
  "description": "Examples of what policy decides.",
  "type": "array",
  "maxItems": 1000,
  "items": {"$ref": "#/$defs/policy_test"},
  "$defs": {
    "policy_test": {
      "title": "test",
      "description": "An example of what policy decides.",
      "type": "object",
      "required": ["name", "given", "expect"],
      "additionalProperties": false,
      "properties": {
        "name": {
          "description": "What it shows.",
          "type": "string",
          "minLength": 1,
          "maxLength": 200,
          "examples": ["nobody drops a table by himself"]
        },
        "given": {
          "description": "What comes: a template or an event, one of the two.",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "template": {
              "description": "What is proposed.",
              "$ref": "#/$defs/template",
              "x-default": "what patterns make of the event",
              "examples": [{"title": "Look", "steps": [{"kind": "noop"}]}]
            },
            "event": {
              "description": "What is emitted; every pattern that reacts to it makes a proposal.",
              "type": ["object", "null"],
              "required": ["type"],
              "additionalProperties": false,
              "properties": {
                "type": {
                  "description": "Its type.",
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 1000,
                  "examples": ["disk:full"]
                },
                "data": {
                  "description": "Its data.",
                  "type": ["object", "null"],
                  "default": {},
                  "examples": [{"host": "db1", "tags": ["prod"]}]
                },
                "depth": {
                  "description": "How many missions it came of, one after the other.",
                  "type": ["integer", "null"],
                  "minimum": 0,
                  "maximum": 1000,
                  "default": 0,
                  "examples": [1]
                }
              },
              "x-default": "none",
              "examples": [{"type": "disk:full", "data": {"host": "db1"}}]
            },
            "source": {
              "description": "The source of the proposal; that of an event's is trigger.",
              "type": ["string", "null"],
              "minLength": 1,
              "maxLength": 200,
              "default": "manual",
              "examples": ["agent:planner"]
            },
            "counted": {
              "description": "How many proposals of this source have passed in this hour already, and no others.",
              "type": ["integer", "null"],
              "minimum": 0,
              "maximum": 2147483647,
              "default": 0,
              "examples": [100]
            }
          },
          "examples": [{"event": {"type": "disk:full"}}]
        },
        "expect": {
          "description": "What must become of it; of an event's proposals one must be all that is said here.",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "outcome": {
              "description": "waits: for a cap's window. failed: a placeholder has no value. none: nothing reacts.",
              "enum": ["auto_approved", "pending", "waits", "rejected", "failed", "invalid", "none", null],
              "x-default": "any",
              "examples": ["pending"]
            },
            "risk": {
              "description": "The risk that policy finds.",
              "enum": ["low", "medium", "high", null],
              "x-default": "any",
              "examples": ["high"]
            },
            "rule": {
              "description": "The path in policy that says so.",
              "type": ["string", "null"],
              "minLength": 1,
              "maxLength": 1000,
              "x-default": "any",
              "examples": ["auto_approve.allowed_step_kinds"]
            },
            "pattern": {
              "description": "The pattern that proposed it.",
              "type": ["string", "null"],
              "minLength": 1,
              "maxLength": 200,
              "x-default": "any",
              "examples": ["disk is full"]
            }
          },
          "examples": [{"outcome": "pending", "risk": "high"}]
        }
      }
    }
  }
}
$json$;
end;
$$;
