create or replace function _retention_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of the document retention. Definitions that schemas share are in _schema_definitions.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "retention",
  "description": "What is removed when. A field that is left out keeps its rows for ever.",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "missions_days": {
      "description": "Days after its end until a mission goes, with all that is its own; also a refused proposal.",
      "$ref": "#/$defs/days", "examples": [90]
    },
    "keep_failed_days": {
      "description": "Days after its end until a failed mission goes, where it shall stay longer, or go sooner.",
      "x-loosens": "changed", "x-default": "missions_days", "$ref": "#/$defs/days", "examples": [365]
    },
    "events_days": {
      "description": "Days until an event goes that no mission made, with its reactions.",
      "$ref": "#/$defs/days", "examples": [90]
    },
    "outbox_days": {
      "description": "Days after its delivery until a message of the outbox goes.",
      "$ref": "#/$defs/days", "examples": [30]
    },
    "dead_letters_days": {
      "description": "Days until a dead letter goes, whether it was put back or not.",
      "$ref": "#/$defs/days", "examples": [365]
    },
    "history_days": {
      "description": "Days until records go: audit, votes, handoffs, replays, sub-agents, and what was purged.",
      "$ref": "#/$defs/days", "examples": [3650]
    },
    "dedupe_days": {
      "description": "Days after the purge until the dedupe key of a purged event, proposal or message is free again.",
      "$ref": "#/$defs/days", "examples": [365]
    },
    "archive": {
      "x-loosens": "false",
      "description": "Whether rows are moved to the tables …_archive instead of deleted.",
      "type": ["boolean", "null"], "default": false, "examples": [true]
    },
    "description": {"$ref": "#/$defs/remark"}
  },
  "$defs": {
    "days": {
      "x-loosens": "less",
      "type": ["integer", "null"], "minimum": 1, "maximum": 36500, "x-default": "for ever"
    }
  }
}
$json$;
end;
$$;
