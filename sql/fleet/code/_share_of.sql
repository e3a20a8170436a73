create or replace function _share_of(p_node integer, p_key text, p_value jsonb)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- A policy document as one node is to have it: the limits of proposal_caps are cut by share, where every node has one.
-- The parts of all nodes add up to the whole: node by node, each gets what the rounded sum up to it rises by.
-- Locks: none. Writes: nothing. Raises: OP018 when a limit of the whole fleet leaves nothing for a node.
declare
  v_from numeric;
  v_to numeric;
  v_part jsonb;
begin
  if p_key <> 'proposal_caps' or jsonb_typeof(p_value) is distinct from 'object'
     or exists (select from fleet_nodes n where n.status <> 'gone' and n.share is null) then
    return p_value;
  end if;
  select coalesce(sum(n.share) filter (where n.node < p_node), 0) / sum(n.share),
         sum(n.share) filter (where n.node <= p_node) / sum(n.share)
    into v_from, v_to
    from fleet_nodes n
   where n.status <> 'gone';
  v_part := _cut(p_value, v_from, v_to);
  if v_part -> 'daily_limit' = '0' or v_part -> 'hourly_limit' = '0' then
    raise exception using errcode = 'OP018', message = format('OPS_018: proposal_caps leave node %s nothing', p_node),
      detail = v_part::text, hint = 'Raise the limit, or the share of this node; or drain it.';
  end if;
  return v_part;
end;
$$;
