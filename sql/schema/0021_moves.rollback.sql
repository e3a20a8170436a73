-- Takes back 0021_moves, with all rows.
set local lock_timeout = '5s';

drop table ops_moves;
