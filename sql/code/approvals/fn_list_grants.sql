create or replace function fn_list_grants(p_limit integer default 50, p_ended boolean default false)
returns table (
  grant_id uuid,
  match jsonb,
  status text,
  until timestamptz,
  uses integer,
  max_uses integer,
  granted_login text,
  granted_by text,
  reason text,
  created_at timestamptz
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Grants, the newest first: those in force, with p_ended also those that ended. status: live, over (its time), used up
-- or revoked.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit that cannot be.
begin
  perform _check_list(p_limit);
  return query
  select g.id, g.match, s.status, g.until, g.uses, g.max_uses, g.granted_login, g.granted_by, g.reason, g.created_at
    from ops_grants g
   cross join lateral (
     select case when g.revoked_at is not null then 'revoked' when g.uses >= g.max_uses then 'used up'
                 when g.until <= _now() then 'over' else 'live' end as status) s
   where p_ended or s.status = 'live'
   order by g.id desc
   limit p_limit;
end;
$$;
comment on function fn_list_grants(integer, boolean) is
  'The standing grants in force, the newest first, with p_ended also those that ended: what each covers, whose vote it '
  'is, how often it counted. OPS_018 for a limit that cannot be.';
