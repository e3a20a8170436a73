create or replace function _agent_roles_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of the document agent_roles. Definitions that schemas share are in _schema_definitions.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "agent_roles",
  "description": "The roles of agents, which may stand under roles or at the top.",
  "type": "object",
  "properties": {
    "roles": {
      "x-loosens": "added",
      "description": "The roles, by name.",
      "type": ["object", "null"],
      "additionalProperties": {"$ref": "#/$defs/agent_role"},
      "x-default": "those at the top",
      "examples": [{"planner": {"model": "default"}}]
    }
  },
  "$defs": {
    "agent_role": {
      "title": "role",
      "description": "A role of agents; it may have further fields of your own.",
      "type": ["object", "null"],
      "properties": {
        "model": {
          "x-loosens": "changed",
          "description": "The model that the executor agent asks.",
          "type": ["string", "null"], "minLength": 1, "maxLength": 200, "x-default": "none", "examples": ["qwen3:8b"]
        },
        "logins": {
          "x-loosens": "added",
          "description": "The logins that may vote and propose as this role.",
          "$ref": "#/$defs/texts_or_null", "x-default": "any", "examples": [["planner_bot"]]
        },
        "description": {
          "x-loosens": "changed",
          "description": "What it does; it is the system prompt where there is none.",
          "type": ["string", "null"], "maxLength": 10000, "x-default": "none",
          "examples": ["Proposes what to do next and why."]
        },
        "system": {
          "x-loosens": "changed",
          "description": "The system prompt.",
          "type": ["string", "null"], "maxLength": 100000, "x-default": "the description",
          "examples": ["You are the planner of a shop."]
        },
        "max_tokens": {
          "x-loosens": "greater",
          "description": "The longest answer.",
          "type": ["integer", "null"], "minimum": 1, "maximum": 10000000, "x-default": "the model's own",
          "examples": [2000]
        },
        "temperature": {
          "x-loosens": "changed",
          "description": "How freely it answers.",
          "type": ["number", "null"], "minimum": 0, "maximum": 2, "x-default": "the model's own", "examples": [0.3]
        },
        "timeout_seconds": {
          "x-loosens": "greater",
          "description": "How long an answer may take.",
          "type": ["integer", "null"], "minimum": 1, "maximum": 604800, "default": 120, "examples": [300]
        },
        "base_url": {
          "x-loosens": "changed",
          "description": "Where the model is asked, as OpenAI's API has it.",
          "type": ["string", "null"],
          "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@\\s]+(/[^?#@\\s]*)?$",
          "errorMessage": "must be a text such as https://host/v1, without user, ? or #",
          "x-default": "none",
          "examples": ["http://localhost:11434/v1"]
        },
        "api_key_env": {
          "x-loosens": "changed",
          "description": "The environment variable of the workers that holds the key.",
          "type": ["string", "null"],
          "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,127}$",
          "errorMessage": "must be the name of an environment variable of the workers",
          "x-default": "no key",
          "examples": ["OPENAI_API_KEY"]
        },
        "api_key": {
          "not": {},
          "errorMessage": "a key does not belong here; name its environment variable in api_key_env"
        },
        "instructions": {"not": {}, "errorMessage": "is called system here: write \"system\": \"…\""}
      }
    }
  }
}
$json$;
end;
$$;
