create or replace function fn_idempotency_key(p_code text, p_parts text[], p_bucket bigint default null)
returns text
language plpgsql
stable
security definer
set search_path from current
as $$
-- The key of one run of a checker: idmp_<p_code>_ and the first 32 hex digits of the sha256 of directive, code,
-- session, phase and hour, joined by "::". p_parts: directive, session and phase; a session that is null or empty is
-- no-session, a phase orchestrated. p_bucket: the hour, counted since 1970 (default: now); the key is another in the
-- next one.
-- Locks: none. Writes: nothing. Raises: OP018 for arguments that cannot be.
declare
  v_bucket bigint := coalesce(p_bucket, floor(extract(epoch from _now()) / 3600)::bigint);
begin
  if coalesce(p_code, '') = '' or coalesce(p_parts[1], '') = '' or cardinality(p_parts) > 3 then
    raise exception using errcode = 'OP018',
      message = 'OPS_018: an idempotency key needs p_code and p_parts: directive, then session and phase where there '
                'are any',
      detail = jsonb_build_object('p_code', p_code, 'p_parts', p_parts)::text,
      hint = 'For example: select fn_idempotency_key(''VALIDATION'', array[''SD-1'', ''session-7'', ''EXEC'']);';
  end if;
  return format('idmp_%s_%s', p_code, left(encode(sha256(convert_to(
    concat_ws('::', p_parts[1], p_code, coalesce(nullif(p_parts[2], ''), 'no-session'),
              coalesce(nullif(p_parts[3], ''), 'orchestrated'), v_bucket), 'UTF8')), 'hex'), 32));
end;
$$;
comment on function fn_idempotency_key(text, text[], bigint) is
  'The idempotency key of one run of the checker p_code: idmp_<p_code>_ and 32 hex digits of the sha256 of directive, '
  'code, session or no-session, phase or orchestrated, and the hour, joined by "::". p_parts is array[directive, '
  'session, phase]; p_bucket the hour since 1970, by default the current one. OPS_018 for arguments that cannot be.';
