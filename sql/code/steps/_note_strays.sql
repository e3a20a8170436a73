create or replace function _note_strays(p_kind text, p_above uuid, p_upto uuid, p_ids uuid[], p_remedy text)
returns void
language plpgsql
set search_path from current
as $$
-- For a sweep: p_ids are the strays of this kind among the ids above p_above and up to p_upto (null for the last part);
-- those noted before that are none any more are forgotten. p_remedy: the statement that ends one, with a %L for its id.
-- Locks: none. Writes: ops_strays. Raises: nothing.
begin
  delete from ops_strays t
   where t.kind = p_kind and t.id > p_above and (t.id > p_upto) is not true and (t.id = any (p_ids)) is not true;
  if p_ids is not null then
    insert into ops_strays (kind, id, remedy, noticed_at)
    select p_kind, n.id, format(p_remedy, n.id), _now()
      from unnest(p_ids[: 1000 - (select count(*) from ops_strays t where t.kind = p_kind)::integer]) n (id)
    on conflict do nothing;
  end if;
end;
$$;
