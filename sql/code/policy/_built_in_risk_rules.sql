create or replace function _built_in_risk_rules()
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The risk rules that count where auto_approve has no risk_rules: leaving a safety field out does not allow everything.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb_build_array(
    jsonb_build_object(
      'name', 'commands',
      'executor', 'command',
      'risk_level', 'high'),
    jsonb_build_object(
      'name', 'agents',
      'executor', jsonb_build_array('agent', 'openclaw', 'wreckit', 'minion'),
      'risk_level', 'medium'),
    jsonb_build_object(
      'name', 'http other than an explicit GET, HEAD or OPTIONS',
      'executor', 'http',
      'unless_params',
        jsonb_build_object('method',
          '^(get|head|options)$'),
      'risk_level', 'medium'),
    jsonb_build_object(
      'name', 'sql that destroys, grants or steps outside',
      'executor', 'sql',
      'params',
        jsonb_build_object('statement',
          E'\\y(drop|truncate|delete|alter|grant|revoke|reassign|create|copy|do|call|set|reset|pg_terminate_backend'
          || E'|pg_cancel_backend|pg_read_\\w+|pg_ls_\\w+|lo_\\w+|dblink\\w*)\\y'),
      'risk_level', 'high'),
    jsonb_build_object(
      'name', 'sql other than a plain read',
      'description',
        'A plain read begins with select, values, table or show, is one statement without comments, dollar or esca'
        || 'ped quotes, locks and changes nothing, and calls no functions but those listed.',
      'executor', 'sql',
      'unless_params',
        jsonb_build_object('statement',
          E'^\\s*(select|values|table|show)\\y(?!.*(;\\s*\\S|--|/\\*|\\$\\D|\\y[eu]&?''|\\y(into|update|share|inser'
          || E't|delete|merge)\\y|(?<!([-+*/%=<>(,|]|(^|[\\s(,])(abs|all|and|any|array_agg|as|avg|between|by|case|ceil'
          || E'|coalesce|count|date_trunc|else|exists|extract|filter|floor|from|greatest|in|jsonb_build_object|jsonb_a'
          || E'gg|lateral|least|left|length|lower|max|min|not|now|nullif|on|or|over|position|right|round|row_number|so'
          || E'me|string_agg|substring|sum|then|to_char|trim|union|upper|values|when|where))\\s*)\\())'),
      'risk_level', 'medium'));
end;
$$;
