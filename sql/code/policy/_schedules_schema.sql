create or replace function _schedules_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of schedules in a policy file; of one of them, for fn_set_schedule, $defs has it.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "schedules",
  "description": "What happens at given times. A schedule that a policy file set, and leaves out, is deleted.",
  "type": "array",
  "maxItems": 1000,
  "items": {"$ref": "#/$defs/schedule"},
  "$defs": {
    "schedule": {
      "title": "schedule",
      "description": "When something happens, and what.",
      "type": "object",
      "required": ["name"],
      "additionalProperties": false,
      "properties": {
        "name": {
          "description": "Its name.",
          "type": "string",
          "pattern": "^[A-Za-z0-9_.-]{1,100}$",
          "errorMessage": "must be 1 to 100 letters, digits and _.-",
          "examples": ["nightly"]
        },
        "cron": {
          "description": "When: minute, hour, day of month, month, day of week; or a word such as @daily.",
          "type": ["string", "null"],
          "minLength": 1,
          "maxLength": 2500,
          "x-default": "every_seconds says it",
          "examples": ["30 3 * * mon-fri"]
        },
        "every_seconds": {
          "description": "When: so often, counted from starts_at, else from the beginning of 1970.",
          "type": ["integer", "null"],
          "minimum": 1,
          "maximum": 31622400,
          "x-default": "cron says it",
          "examples": [300]
        },
        "timezone": {
          "description": "The time zone that cron, and starts_at and ends_at without one, speak of.",
          "type": ["string", "null"],
          "minLength": 1,
          "maxLength": 100,
          "default": "UTC",
          "examples": ["Europe/Berlin"]
        },
        "event_type": {
          "description": "What: an event of this type.",
          "type": ["string", "null"],
          "minLength": 1,
          "maxLength": 200,
          "x-default": "template says it",
          "examples": ["clock:nightly"]
        },
        "data": {
          "description": "The data of the event; schedule and tick are added, and source where it has none.",
          "type": ["object", "null"],
          "default": {},
          "examples": [{"host": "db1"}]
        },
        "template": {
          "description": "What: a proposal of this template.",
          "$ref": "#/$defs/template",
          "x-default": "event_type says it",
          "examples": [{"title": "Look", "steps": [{"kind": "noop"}]}]
        },
        "source": {
          "description": "The source of the proposal, which caps and pauses name, and of the event's data.",
          "type": ["string", "null"],
          "minLength": 1,
          "maxLength": 200,
          "x-default": "schedule:NAME",
          "examples": ["housekeeping"]
        },
        "overlap": {
          "description": "What a tick does while what came of the tick before is still open.",
          "enum": ["allow", "skip", "queue", null],
          "default": "allow",
          "examples": ["skip"]
        },
        "catch_up": {
          "description": "Which ticks happen that were due while no heartbeat came.",
          "enum": ["none", "last", "all", null],
          "default": "last",
          "examples": ["all"]
        },
        "max_backlog": {
          "description": "How many ticks catch up at once, and wait in the queue, at most.",
          "type": ["integer", "null"],
          "minimum": 1,
          "maximum": 1000,
          "default": 100,
          "examples": [24]
        },
        "enabled": {
          "description": "Whether it ticks.",
          "type": ["boolean", "null"],
          "default": true,
          "examples": [false]
        },
        "starts_at": {
          "description": "There are no ticks before.",
          "type": ["string", "null"],
          "pattern": "^\\d{4}-\\d\\d-\\d\\d([T ]\\d\\d:\\d\\d(:\\d\\d([.]\\d{1,6})?)?(Z|[+-]\\d\\d:\\d\\d)?)?$",
          "errorMessage": "must be a time such as 2027-01-31T08:00:00Z",
          "x-default": "none",
          "examples": ["2027-01-01"]
        },
        "ends_at": {
          "description": "There are no ticks from then on.",
          "type": ["string", "null"],
          "pattern": "^\\d{4}-\\d\\d-\\d\\d([T ]\\d\\d:\\d\\d(:\\d\\d([.]\\d{1,6})?)?(Z|[+-]\\d\\d:\\d\\d)?)?$",
          "errorMessage": "must be a time such as 2027-01-31T08:00:00Z",
          "x-default": "none",
          "examples": ["2027-12-31T18:00:00+01:00"]
        }
      }
    }
  }
}
$json$;
end;
$$;
