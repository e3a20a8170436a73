create or replace function _schema_definitions()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- Definitions that schemas share; a $ref names them.
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
  "seconds_or_time": {
    "anyOf": [
      {"type": "number", "minimum": 0, "maximum": 315360000},
      {"type": "string", "pattern": "^[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{5,15}(Z|[+-][0-9:]{5})$"},
      {"type": "null"}
    ],
    "errorMessage": "must be seconds, 0 to 315360000, or a time such as 2030-01-31T09:00:00Z"
  },
  "items": {
    "anyOf": [
      {"type": "array", "maxItems": 1000},
      {"type": "string", "pattern": "^[{][{][^{}]*[}][}]$"},
      {"type": "null"}
    ],
    "errorMessage": "must be a list of at most 1000 items, or one placeholder"
  },
  "remark": {
    "x-loosens": "never",
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
