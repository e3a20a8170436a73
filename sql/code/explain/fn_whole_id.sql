create or replace function fn_whole_id(p_id text, p_what text default null)
returns uuid
language plpgsql
stable
security definer
set search_path from current
as $$
-- The whole id of the one mission, step, proposal, reaction, event or grant that p_id is of, for the call that takes
-- one: fn_retry_step(fn_whole_id('7c1e90ab', 'step')). A whole id is returned as it is, whether or not there is such a
-- row.
-- Locks: none. Writes: nothing. Raises: OP012 for an id that is of nothing, OP018, OP096 where several fit.
declare
  c_kinds constant text := 'mission|step|proposal|reaction|event|grant';
  v_digits constant text := lower(replace(btrim(p_id), '-', ''));
  v_found record;
begin
  if not string_to_array(p_what, '|') <@ string_to_array(c_kinds, '|') then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: p_what must be of %s, joined by |', replace(c_kinds, '|', ', ')),
      detail = jsonb_build_object('p_what', left(p_what, 100))::text,
      hint = 'fn_find_id also finds what has other ids: letters, messages, directives and workers.';
  elsif v_digits is null or v_digits !~ '^[0-9a-f]{8,32}$' then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: %s is no id, nor the last 8 digits of one', quote_nullable(left(p_id, 100))),
      detail = jsonb_build_object('p_id', left(p_id, 100))::text, hint = 'opsloop ps and opsloop inbox show ids.';
  elsif length(v_digits) = 32 then
    return v_digits::uuid;
  end if;
  select count(*) as n, min(f.id) as id, jsonb_agg(to_jsonb(f)) as candidates,
         string_agg(format('%s %s', f.what, f.id), ', ') as named
    into v_found
    from (select * from fn_find_id(p_id, coalesce(p_what, c_kinds)) limit 20) f;
  if v_found.n = 0 then
    raise exception using errcode = 'OP012',
      message = format('OPS_012: no %s %s', replace(coalesce(p_what, c_kinds), '|', ', '), left(p_id, 100)),
      detail = jsonb_build_object('id', left(p_id, 100))::text,
      hint = 'The last 8 digits are looked for among what is open and the newest 100,000 rows; a whole id always will '
             'do.';
  elsif v_found.n > 1 then
    raise exception using errcode = 'OP096',
      message = format('OPS_096: %s is the end of several ids: %s', p_id, v_found.named),
      detail = jsonb_build_object('candidates', v_found.candidates)::text,
      hint = 'Give more digits, or the whole id.';
  end if;
  return v_found.id::uuid;
end;
$$;
comment on function fn_whole_id(text, text) is
  'The whole id of the one mission, step, proposal, reaction, event or grant whose last 8 digits or more these are, '
  'for calls such as fn_retry_step(fn_whole_id(''7c1e90ab'', ''step'')). p_what: of these only, several joined by |. '
  'OPS_012 for one that is of nothing, OPS_096 where several fit, OPS_018 for what cannot be an id.';
