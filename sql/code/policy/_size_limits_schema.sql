create or replace function _size_limits_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of the document size_limits. Definitions that schemas share are in _schema_definitions.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "size_limits",
  "description": "How large what comes in may be. The least values leave room for the loop's own documents and calls.",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "event_bytes": {
      "x-loosens": "greater",
      "description": "Bytes of the data of an event.",
      "type": ["integer", "null"], "minimum": 1024, "maximum": 67108864, "default": 1048576, "examples": [524288]
    },
    "template_bytes": {
      "x-loosens": "greater",
      "description": "Bytes of a template.",
      "type": ["integer", "null"], "minimum": 1024, "maximum": 67108864, "default": 4194304, "examples": [2097152]
    },
    "result_bytes": {
      "x-loosens": "greater",
      "description": "Bytes of the result of a step.",
      "type": ["integer", "null"], "minimum": 1024, "maximum": 67108864, "default": 4194304, "examples": [2097152]
    },
    "payload_bytes": {
      "x-loosens": "greater",
      "description": "Bytes of a message of the outbox.",
      "type": ["integer", "null"], "minimum": 1024, "maximum": 67108864, "default": 4194304, "examples": [2097152]
    },
    "policy_bytes": {
      "x-loosens": "greater",
      "description": "Bytes of a policy document.",
      "type": ["integer", "null"], "minimum": 65536, "maximum": 67108864, "default": 4194304, "examples": [2097152]
    },
    "batch_bytes": {
      "x-loosens": "greater",
      "description": "Bytes of the argument of a function that takes a batch.",
      "type": ["integer", "null"], "minimum": 1048576, "maximum": 134217728, "default": 16777216, "examples": [8388608]
    },
    "batch_items": {
      "x-loosens": "greater",
      "description": "Items of a batch.",
      "type": ["integer", "null"], "minimum": 500, "maximum": 100000, "default": 10000, "examples": [5000]
    },
    "depth": {
      "x-loosens": "greater",
      "description": "Levels of a document.",
      "type": ["integer", "null"], "minimum": 10, "maximum": 200, "default": 100, "examples": [50]
    },
    "faults": {
      "x-loosens": "greater",
      "description": "Faults that an error lists.",
      "type": ["integer", "null"], "minimum": 1, "maximum": 1000, "default": 100, "examples": [50]
    },
    "patterns": {
      "x-loosens": "greater",
      "description": "Entries of a list in a policy document, patterns among them.",
      "type": ["integer", "null"], "minimum": 1, "maximum": 10000, "default": 200, "examples": [100]
    },
    "placeholders": {
      "x-loosens": "greater",
      "description": "Placeholders of a template.",
      "type": ["integer", "null"], "minimum": 1, "maximum": 100000, "default": 10000, "examples": [5000]
    },
    "lanes": {
      "x-loosens": "greater",
      "description": "Lanes of steps: executors times priorities.",
      "type": ["integer", "null"], "minimum": 10, "maximum": 10000, "default": 1000, "examples": [500]
    },
    "description": {"$ref": "#/$defs/remark"}
  }
}
$json$;
end;
$$;
