create or replace function fn_list_proposals(
  p_limit integer default 20,
  p_status text default null,
  p_proposal_id uuid default null,
  p_filter jsonb default '{}'
)
returns table (
  proposal_id uuid,
  title text,
  source text,
  status text,
  risk_level text,
  reason text,
  template jsonb,
  mission_id uuid,
  proposed_login text,
  decided_by text,
  created_at timestamptz
)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Proposals for people to read, newest first by primary key (ids are ordered by time). Open ones (pending, voting) are
-- found by their index however old they are; another status is looked for among the newest 10,000 proposals, so that
-- the cost is bounded. Fewer than p_limit where they are large: it ends with the one that makes 16 MiB full.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit, status or filter that cannot be.
declare
  v_filter constant jsonb := _check_filter(p_filter, array['ids', 'source', 'title', 'risk', 'code', 'since', 'until',
                                                           'before']);
  v_before constant uuid := coalesce(v_filter ->> 'before', 'ffffffff-ffff-ffff-ffff-ffffffffffff')::uuid;
  v_fits uuid[];
  v_ids uuid[];
  c_bytes constant integer := 16777216;
  v_bytes bigint := 0;
begin
  perform _check_list(p_limit, p_status,
                      array['pending', 'voting', 'approved', 'auto_approved', 'rejected', 'expired']);
  if p_proposal_id is not null then
    v_ids := array[p_proposal_id];
  elsif jsonb_typeof(v_filter -> 'ids') = 'array' then
    v_ids := array(select e::uuid from jsonb_array_elements_text(v_filter -> 'ids') e);
  elsif p_status in ('pending', 'voting') then
    v_ids := array(
      select p.id
        from ops_mission_proposals p
       where p.status in ('pending', 'voting')
         and p.status = p_status
       order by p.created_at desc
       limit case when v_filter = '{}' then p_limit else 10000 end);
  else
    v_ids := array(
      select n.id
        from (select i.id, i.status from ops_mission_proposals i
               where i.id < v_before order by i.id desc limit 10000) n
       where p_status is null or n.status = p_status
       order by n.id desc
       limit case when v_filter = '{}' then p_limit else 10000 end);
  end if;
  if v_filter <> '{}' then
    v_fits := array(
      select p.id
        from ops_mission_proposals p
       where p.id = any (v_ids) and p.id < v_before
         and _fits(p.source, v_filter ->> 'source') and _fits(p.title, v_filter ->> 'title')
         and _fits(p.risk_level, v_filter ->> 'risk') and _fits(p.reason_code, v_filter ->> 'code')
         and (v_filter ->> 'since' is null or p.created_at >= (v_filter ->> 'since')::timestamptz)
         and (v_filter ->> 'until' is null or p.created_at < (v_filter ->> 'until')::timestamptz)
       order by p.id desc
       limit p_limit);
    v_ids := v_fits;
  end if;

  for proposal_id, title, source, status, risk_level, reason, template, mission_id, proposed_login, decided_by,
      created_at in
    select p.id, p.title, p.source, p.status, p.risk_level, p.reason, p.template, m.id, p.proposed_login, p.decided_by,
           p.created_at
      from ops_mission_proposals p
      left join ops_missions m on m.proposal_id = p.id
     where p.id = any (v_ids)
       and (p_status is null or p.status = p_status)
     order by p.id desc
  loop
    return next;
    v_bytes := v_bytes + octet_length(template::text);
    exit when v_bytes > c_bytes;
  end loop;
end;
$$;
comment on function fn_list_proposals(integer, text, uuid, jsonb) is
  'Lists up to p_limit (1 to 1000) proposals, newest first; p_status null means any, p_proposal_id asks for one. A '
  'status other than pending or voting is looked for among the newest 10,000. Fewer where they are large: it stops at '
  '16 MiB. p_filter: {"ids", "source", "title", "risk", "code", "since", "until", "before" (an id)}; * in a text '
  'stands for any characters.';
