create or replace function _outbox_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of the document outbox. Definitions that schemas share are in _schema_definitions.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "outbox",
  "description": "Where relays deliver which messages, and how often they try.",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "routes": {
      "x-loosens": "changed",
      "description": "The first route whose event_type matches takes a message; others wait.",
      "type": ["array", "null"],
      "items": {"$ref": "#/$defs/route"},
      "default": [],
      "examples": [[{"event_type": "order:*", "sink": "http", "url": "https://hooks.example.com/orders"}]]
    },
    "max_tries": {
      "x-loosens": "greater",
      "description": "Tries after which a message is a dead letter.",
      "type": ["integer", "null"], "minimum": 1, "maximum": 100, "default": 10, "examples": [3]
    },
    "lease_seconds": {
      "x-loosens": "never",
      "description": "How long a relay has a message to itself.",
      "type": ["integer", "null"], "minimum": 1, "maximum": 3600, "default": 60, "examples": [120]
    },
    "allow_private": {
      "x-loosens": "true",
      "description": "Whether sink http may call addresses that are not public.",
      "type": ["boolean", "null"], "default": false, "examples": [true]
    },
    "description": {"$ref": "#/$defs/remark"}
  },
  "$defs": {
    "route": {
      "title": "route",
      "description": "Where messages of some types go.",
      "type": "object",
      "required": ["event_type", "sink"],
      "additionalProperties": false,
      "properties": {
        "name": {
          "description": "Its name, for people.",
          "type": ["string", "null"],
          "pattern": "^[A-Za-z0-9_.:-]{1,128}$",
          "errorMessage": "must be a name of 1 to 128 letters, digits and _.:-",
          "x-default": "none", "examples": ["orders"]
        },
        "event_type": {
          "description": "Types of message, as globs.",
          "$ref": "#/$defs/text_or_texts", "examples": ["order:*"]
        },
        "sink": {
          "description": "http, notify, command, or one of the relay's own.",
          "$ref": "#/$defs/name", "examples": ["http"]
        },
        "max_tries": {
          "description": "Tries after which a message is a dead letter.",
          "type": ["integer", "null"], "minimum": 1, "maximum": 100, "x-default": "max_tries", "examples": [3]
        },
        "url": {
          "description": "http: where it is posted.",
          "type": ["string", "null"], "minLength": 1, "maxLength": 2000,
          "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@\\\\\\s]+([/?#]\\S*)?$",
          "errorMessage": {"pattern": "must begin with http:// or https:// and a host, without a user or blanks"},
          "x-default": "none", "examples": ["https://hooks.example.com/orders"]
        },
        "headers": {
          "description": "http: headers of its own.",
          "type": ["object", "null"], "default": {}, "examples": [{"X-Team": "ops"}]
        },
        "secret_env": {
          "description": "http: the environment variable of the relays that holds the key of the signature.",
          "type": ["string", "null"],
          "pattern": "^[A-Za-z0-9_.:-]{1,128}$",
          "errorMessage": "must be a name of 1 to 128 letters, digits and _.:-",
          "x-default": "unsigned", "examples": ["ORDERS_SECRET"]
        },
        "timeout_seconds": {
          "description": "http, command: how long a delivery may take.",
          "type": ["number", "null"], "minimum": 0.1, "maximum": 300, "x-default": "http 10, command 60",
          "examples": [5]
        },
        "allow_private": {
          "description": "http: whether it may call addresses that are not public.",
          "type": ["boolean", "null"], "x-default": "allow_private", "examples": [true]
        },
        "channel": {
          "description": "notify: the channel.",
          "type": ["string", "null"], "minLength": 1, "maxLength": 63, "x-default": "none", "examples": ["orders"]
        },
        "preset": {
          "description": "command: the preset of worker_policy.",
          "type": ["string", "null"],
          "pattern": "^[A-Za-z0-9_.:-]{1,128}$",
          "errorMessage": "must be a name of 1 to 128 letters, digits and _.:-",
          "x-default": "none", "examples": ["tell"]
        },
        "settings": {
          "description": "Sinks of the relay's own: what they need.",
          "type": ["object", "null"], "default": {}, "examples": [{"topic": "orders"}]
        },
        "description": {"$ref": "#/$defs/remark"}
      }
    }
  }
}
$json$;
end;
$$;
