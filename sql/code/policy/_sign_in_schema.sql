create or replace function _sign_in_schema()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of the document sign_in. Definitions that schemas share are in _schema_definitions.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "title": "sign_in",
  "description": "Proxies whose word on who somebody is counts for the pages of opsloop serve.",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "proxies": {
      "description": "Addresses that such a proxy connects from, each as it is, none by its network.",
      "x-loosens": "added", "$ref": "#/$defs/texts_or_null", "default": [], "examples": [["127.0.0.1"]]
    },
    "roles": {
      "description": "The role that each person gets, by login; nobody else is let in.",
      "x-loosens": "changed", "type": ["object", "null"],
      "additionalProperties": {"enum": ["reader", "producer", "worker", "operator", "admin"]},
      "default": {}, "examples": [{"ann": "operator"}]
    },
    "description": {"$ref": "#/$defs/remark"}
  }
}
$json$;
end;
$$;
