create or replace function fn_diff_policy(
  p_key text,
  p_from integer default null,
  p_to integer default null,
  p_document jsonb default null
)
returns table (path text, before jsonb, after jsonb)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The differences between two versions of a policy document, or between one and p_document, which need not be in force
-- nor valid. p_to: the one in force when left out. p_from: likewise with p_document, else the version before p_to.
-- Locks: none. Writes: nothing. Raises: OP002 when there never was such a document, OP018 for p_to and p_document at
-- once, OP045 for a document that is too large, OP080 for a version that it does not have.
declare
  v_current constant integer := (select p.version from ops_policy p where p.key = p_key);
  v_to constant integer := coalesce(p_to, v_current);
begin
  if p_to is not null and p_document is not null then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_to and p_document exclude each other',
      detail = jsonb_build_object('p_to', p_to)::text,
      hint = 'A version is compared with another version, or with a document that is not in force.';
  end if;
  if p_document is not null then
    perform _check_template('p_document', p_document, 'policy_bytes');
    return query
    select d.path, d.before, d.after
      from _diff_values('', _policy_version(p_key, coalesce(p_from, v_current)), p_document) d;
  else
    return query
    select d.path, d.before, d.after
      from _diff_values('', case when coalesce(p_from, greatest(v_to, 1) - 1) = 0 then '{}'
                                 else _policy_version(p_key, coalesce(p_from, greatest(v_to, 1) - 1)) end,
                        _policy_version(p_key, v_to)) d;
  end if;
end;
$$;
comment on function fn_diff_policy(text, integer, integer, jsonb) is
  'The differences between two versions of a policy document, by default the last two, or between one and p_document, '
  'which is not in force: a row for each path, with its value before and after (null: it is not there). Entries of a '
  'list are told apart by their name, where they have one. Version 0 is the empty document. OPS_080 no such version.';
