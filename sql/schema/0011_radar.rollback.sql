-- Takes back 0011_radar, with all rows.
set local lock_timeout = '5s';

drop table ops_demand_radar;
