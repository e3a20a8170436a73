create or replace function fn_node()
returns jsonb
language plpgsql
stable
security definer
set search_path from current
as $$
-- The values that the front of a fleet compares: the number of this loop, the release, the last message of the front,
-- and whether it waits for the front before it hands out work, as its server has started since.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (select jsonb_build_object(
                   'node', c.node, 'release', _release(), 'compatibility', fn_compatibility(),
                   'generation', coalesce((c.told -> 'generation')::bigint, 0),
                   'waits', c.node > 0 and c.told_server_start is distinct from pg_postmaster_start_time(),
                   'killed', exists (select from ops_pauses p where p.kill),
                   'server_start', pg_postmaster_start_time())
            from ops_control c);
end;
$$;
comment on function fn_node() is
  'This loop as a node of a fleet: {"node" (0: a loop by itself), "release", "compatibility", "generation" (of what '
  'the front told it last), "waits" (for the front, before it hands out work), "killed", "server_start"}.';
