create or replace function fn_shadow_decisions(p_key text, p_limit integer default 1000)
returns table (
  kind text,
  old_outcome text,
  new_outcome text,
  decisions bigint,
  proposal_id uuid,
  event_id uuid,
  pattern text,
  title text,
  source text,
  decided_at timestamptz,
  rule text,
  reason text
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The findings of the shadow of a document, as fn_dry_run_policy reports them: rows of kind matrix count all decisions
-- that it judged; rows of kind decision are the newest p_limit that it would have taken otherwise.
-- Locks: none. Writes: nothing. Raises: OP012 when the document has no shadow, OP018 for a limit that cannot be.
begin
  if not exists (select from ops_policy_shadows s where s.key = p_key) then
    raise exception using errcode = 'OP012', message = format('OPS_012: no shadow of %s', quote_nullable(p_key)),
      hint = 'select * from fn_list_shadows(); lists them, fn_shadow_policy sets one.';
  end if;
  if p_limit is null or p_limit not between 0 and 10000 then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: p_limit is %s', coalesce(p_limit::text, 'null')),
      hint = 'Give 0 to 10000; the rows of the matrix come always.';
  end if;
  return query
  (select 'matrix'::text, c.old_outcome, c.new_outcome, c.decisions, null::uuid, null::uuid, null::text, null::text,
          null::text, null::timestamptz, null::text, null::text
     from ops_shadow_counts c
    where c.key = p_key
    order by c.old_outcome, c.new_outcome)
  union all
  (select 'decision', d.old_outcome, d.new_outcome, 1::bigint, d.proposal_id, d.event_id, d.pattern, d.title, d.source,
          d.decided_at, d.rule, d.reason
     from ops_shadow_decisions d
    where d.key = p_key
    order by d.id desc
    limit p_limit);
end;
$$;
comment on function fn_shadow_decisions(text, integer) is
  'The findings of the shadow of a policy document, as fn_dry_run_policy reports them: counts by outcome, and the '
  'newest decisions that it would have taken otherwise, each with rule and reason. OPS_012 when it has no shadow.';
