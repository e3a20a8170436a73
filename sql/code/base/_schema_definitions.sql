create or replace function _schema_definitions()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- What schemas share: definitions that a $ref names.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb $json$
{
  "name": {
    "type": "string",
    "pattern": "^[A-Za-z0-9_.:-]{1,128}$",
    "errorMessage": "must be a name of 1 to 128 letters, digits and _.:-"
  },
  "texts": {"type": "array", "items": {"type": "string", "minLength": 1}},
  "texts_or_null": {"type": ["array", "null"], "items": {"type": "string", "minLength": 1}},
  "text_or_texts": {
    "anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/texts"}],
    "errorMessage": "must be a text or an array of texts"
  },
  "text_or_texts_or_null": {
    "anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/texts"}, {"type": "null"}],
    "errorMessage": "must be a text or an array of texts"
  },
  "remark": {
    "description": "A remark of your own.",
    "type": ["string", "null"],
    "maxLength": 10000,
    "default": null,
    "examples": ["since the outage of May"]
  }
}
$json$;
end;
$$;
