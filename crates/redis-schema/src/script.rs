//! What is done on the server in one step: Lua, Redis 5 and later (which replicates what a script did, not its text).
//!
//! A script that may not run one of its commands ends where it stands, with half of it done, and the error does not say
//! which command that was. So each of them first asks for all rights that it may need, where the server can tell (Redis
//! 7), and does nothing if one is missing. Two do not. [`FLUSH`], which every process runs every second, asks for those
//! without which it would be half done, and looks which one was missing when it has failed. What [`PATCH`] could leave
//! half done [`FLUSH`] does again.

/// What says which of some commands may not be run, if one may not.
macro_rules! lacking {
    () => {
        "\
local function lacking(commands)
  for command in string.gmatch(commands, '%S+') do
    if redis.acl_check_cmd and not redis.acl_check_cmd(command, KEYS[1]) then
      return redis.error_reply(\"NOPERM this user has no permissions to run the '\" .. command .. \"' command in scripts\")
    end
  end
end
"
    };
}

/// A script that first asks whether it may run all of these commands.
macro_rules! with_rights {
    ($commands:literal, $code:literal) => {
        concat!(
            lacking!(),
            "local lacks = lacking('",
            $commands,
            "')\nif lacks then\n  return lacks\nend\n",
            $code
        )
    };
}

/// A script that asks by itself: for `all` of these commands, or some. Where it fails since it may not run one of them,
/// it says which.
macro_rules! naming_rights {
    ($commands:literal, $code:literal) => {
        concat!(
            lacking!(),
            "local all = '",
            $commands,
            "'\nlocal function deed()\n",
            $code,
            "end\n",
            "local done, told = pcall(deed)\nif done then\n  return told\nend\n",
            "return lacking(all) or error(told, 0)\n"
        )
    };
}

/// A process sends what has changed.
///
/// Keys: processes, lengths, tombs, epoch, then values and schema of the process. Arguments: the process; the sequence
/// number; the epoch that it knows, or nothing; `1` where it registers; the epoch to begin if there is none; the sequence
/// number that must be there, or nothing where it sends everything; where what it appends to its schema begins; that, or
/// nothing; then fields of its hash, each followed by its value, the last of them the sequence number.
///
/// Answers what [`Answer`](crate::Answer) reads: a word, the epoch, a number. Does nothing unless it answers `OK`, but
/// for beginning an epoch; or going on with the one that the process knows, where only that key is gone. Where the
/// process's schema is not there, or its length, the answer is `OTHER`: everything comes with the next frame.
///
/// Nearly all frames are of processes that are known and add nothing to their schema. Those take seven commands, and one
/// question for a right: a `ZADD` that changes something tells that the process is in the list, and before it nothing
/// is changed. Where it changes nothing, the process is not in the list, or was heard of in this millisecond, and
/// `ZSCORE` tells which. Other frames ask for all rights, or for those of what they change.
pub const FLUSH: &str = naming_rights!(
    "get set zscore hexists hget strlen time zadd setrange hset",
    "\
local epoch = redis.call('GET', KEYS[4])
local lacks
if not epoch or ARGV[6] == '' then
  lacks = lacking(all)
elseif ARGV[8] ~= '' then
  lacks = lacking('setrange hset')
elseif redis.acl_check_cmd and not redis.acl_check_cmd('hset', KEYS[1]) then
  lacks = lacking(all)
end
if lacks then
  return lacks
end
if not epoch then
  epoch = ARGV[5]
  if ARGV[3] ~= '' and (redis.call('ZSCORE', KEYS[1], ARGV[1]) or redis.call('HEXISTS', KEYS[3], ARGV[1]) == 1) then
    epoch = ARGV[3]
  end
  redis.call('SET', KEYS[4], epoch)
end
if ARGV[3] ~= '' and ARGV[3] ~= epoch then
  return {'LOST', epoch, -1}
end
local own, follows = tonumber(ARGV[2]), tonumber(ARGV[6])
local before = tonumber(redis.call('HGET', KEYS[5], '#seq') or '-1')
local is_next = before <= own and (not follows or before == own or before == follows)
if is_next and follows then
  local length = redis.call('STRLEN', KEYS[6])
  is_next = length >= tonumber(ARGV[7]) and length == tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')
end
local time = redis.call('TIME')
local now = time[1] .. string.sub('00000' .. time[2], -6, -4)
local heard = is_next and ARGV[4] ~= '1' and redis.call('ZADD', KEYS[1], 'XX', 'CH', now, ARGV[1])
if heard ~= 1 then
  if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
    local tomb = redis.call('HGET', KEYS[3], ARGV[1])
    if tomb then
      return {'RETIRED', epoch, tonumber(tomb)}
    end
    if ARGV[4] ~= '1' then
      return {'RETIRED', epoch, -1}
    end
  end
  if not is_next then
    return {'OTHER', epoch, before}
  end
  if not heard then
    redis.call('ZADD', KEYS[1], now, ARGV[1])
  end
end
if ARGV[8] ~= '' then
  redis.call('SETRANGE', KEYS[6], ARGV[7], ARGV[8])
  redis.call('HSET', KEYS[2], ARGV[1], redis.call('STRLEN', KEYS[6]))
end
for i = 9, #ARGV, 1000 do
  redis.call('HSET', KEYS[5], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
return {'OK', epoch, own}
"
);

/// A process sends a few numbers that have changed, and waits for it: [`FLUSH`] where all is as it was, in two steps
/// instead of seven.
///
/// Keys: values of the process. Arguments: the sequence number that must be there; the sequence number; then fields,
/// each followed by its value.
///
/// Answers 1; or 0, and does nothing, where another sequence number is there, or none: [`FLUSH`] tells why. That a
/// process has its sequence number means that it was neither retired nor lost with its database, so nothing else is
/// looked at. It does not count as having been heard of.
pub const PATCH: &str = "\
if redis.call('HGET', KEYS[1], '#seq') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], '#seq', ARGV[2], unpack(ARGV, 3))
return 1
";

/// A process adds what it has counted since to numbers that all processes share, once.
///
/// Keys: epoch, shared sequences, until when they are kept, shared families, then the values of families. Arguments: the
/// process; the sequence number; the epoch that it knows, or nothing; `1` where it registers; the epoch to begin if there
/// is none; for how many milliseconds its sequence number is kept; how many families are described; of each its
/// identifier and its [description](crate::shared::describe); then, for each key of values, how many numbers follow, and
/// of each its [field](crate::shared::field) and what is added to it.
///
/// Answers a word, the epoch, and how many numbers could not be added to, as something else stands there. `OK`: it is
/// there, since now or since before. `LOST`: the database is another one. `UNKNOWN`: nothing is known of this process,
/// and it does not register; its sequence number was forgotten. Does nothing unless it answers `OK`, but for beginning an
/// epoch.
///
/// All that can fail comes before the first number is added: so a frame is there as a whole or not at all. Numbers that
/// are infinite or none are added up by the script, since Redis refuses to.
pub const ADD: &str = with_rights!(
    "time get set hexists hget hset hdel hincrbyfloat zadd zrangebyscore zrem",
    "\
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = ARGV[5]
  if ARGV[3] ~= '' and redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then
    epoch = ARGV[3]
  end
  redis.call('SET', KEYS[1], epoch)
end
if ARGV[3] ~= '' and ARGV[3] ~= epoch then
  return {'LOST', epoch, 0}
end
local before = redis.call('HGET', KEYS[2], ARGV[1])
if not before and ARGV[4] ~= '1' then
  return {'UNKNOWN', epoch, 0}
end
if before and tonumber(before) >= tonumber(ARGV[2]) then
  return {'OK', epoch, 0}
end
local odd = {['inf'] = 1 / 0, ['-inf'] = -1 / 0, ['nan'] = 0 / 0}
local function add(key, field, by)
  if type(redis.pcall('HINCRBYFLOAT', key, field, by)) == 'string' then
    return 0
  end
  local old = redis.pcall('HGET', key, field) or '0'
  if type(old) ~= 'string' then
    return 1
  end
  old = odd[old] or tonumber(old)
  if not old then
    return 1
  end
  local sum = old + (odd[by] or tonumber(by))
  local text = string.format('%.17g', sum)
  if sum ~= sum then
    text = 'nan'
  elseif sum == 1 / 0 then
    text = 'inf'
  elseif sum == -1 / 0 then
    text = '-inf'
  end
  redis.call('HSET', key, field, text)
  return 0
end
local at = 8
for _ = 1, tonumber(ARGV[7]) do
  redis.call('HSET', KEYS[4], ARGV[at], ARGV[at + 1])
  at = at + 2
end
redis.call('ZADD', KEYS[3], now + ARGV[6], ARGV[1])
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('HDEL', KEYS[2], old)
  redis.call('ZREM', KEYS[3], old)
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
local refused = 0
for key = 5, #KEYS do
  local count = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, count do
    refused = refused + add(KEYS[key], ARGV[at], ARGV[at + 1])
    at = at + 2
  end
end
return {'OK', epoch, refused}
"
);

/// A process that is dead is taken out, and what it has counted is put into what is kept of the retired.
///
/// Keys: processes, lengths, tombs, when tombs end, then values and schema of the process, then pages, schema and
/// [seal](crate::Seal) of the retired. Arguments: the process; when it was last heard of and its sequence number, as they
/// were read; the version of the retired, as it was read, or nothing; for how many milliseconds its tomb stays; where
/// what is appended to the schema of the retired begins; that, or nothing; the seal, as it was read, or nothing; the new
/// one; then fields of the retired, each followed by its value, among them the new version, [`HASH`] and [`SUM`].
///
/// Answers 1; or 0, and does nothing, where one of the five is not as it was read.
pub const RETIRE: &str = with_rights!(
    "time get set zscore hget strlen setrange hset hmset del zrem hdel zadd zrangebyscore",
    "\
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2]
  or redis.call('HGET', KEYS[5], '#seq') ~= ARGV[3]
  or (redis.call('HGET', KEYS[7], '#version') or '') ~= ARGV[4]
  or redis.call('STRLEN', KEYS[8]) ~= tonumber(ARGV[6])
  or (redis.call('GET', KEYS[9]) or '') ~= ARGV[8] then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[7] ~= '' then
  redis.call('SETRANGE', KEYS[8], ARGV[6], ARGV[7])
end
for i = 10, #ARGV, 1000 do
  redis.call('HMSET', KEYS[7], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
redis.call('SET', KEYS[9], ARGV[9])
redis.call('DEL', KEYS[5], KEYS[6])
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[4], now + ARGV[5], ARGV[1])
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('HDEL', KEYS[3], old)
  redis.call('ZREM', KEYS[4], old)
end
return 1
"
);

/// What is kept of the retired is written anew: smaller, or as it was before a part of it was lost.
///
/// Keys: pages, schema and [seal](crate::Seal) of the retired. Arguments: the version and the seal, as they were read;
/// the new seal; the new schema; then fields of the retired, each followed by its value, among them the new version,
/// [`HASH`] and [`SUM`].
///
/// Answers 1; or 0, and does nothing, where somebody has changed them since.
pub const THIN: &str = with_rights!(
    "get hget hmset del set",
    "\
if (redis.call('HGET', KEYS[1], '#version') or '') ~= ARGV[1]
  or (redis.call('GET', KEYS[3]) or '') ~= ARGV[2] then
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], ARGV[4])
for i = 5, #ARGV, 1000 do
  redis.call('HMSET', KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
redis.call('SET', KEYS[3], ARGV[3])
return 1
"
);

/// The field that has a process's sequence number.
pub const SEQUENCE: &str = "#seq";
/// The field in which a process describes itself, as JSON.
pub const ABOUT: &str = "#about";
/// The field that says how many numbers a page of this process has, in decimal digits; [`page::LEN`](crate::page::LEN)
/// where it lacks.
pub const PAGE: &str = "#page";
/// The field of a process that has said that it sends no more.
pub const ENDED: &str = "#ended";
/// The field of the retired that is another one after each change, made up: a server that lost its last changes and has
/// others since is not taken for what it was.
pub const VERSION: &str = "#version";
/// The field of the retired that has the [hash](crate::Schema::hash) of their schema, in decimal digits.
pub const HASH: &str = "#hash";
/// The field of the retired that has the [checksum](crate::seal_sum) of their numbers, in decimal digits.
pub const SUM: &str = "#sum";
/// The field of the retired that says how many label sets of dead processes were dropped, ever.
pub const DROPPED: &str = "#dropped";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn a_script_asks_for_the_commands_that_it_runs_and_no_others() {
        let all_of = |script: &'static str| {
            let (_, asked) = script.split_once("lacks = lacking('").unwrap();
            asked.split_once('\'').unwrap()
        };
        let of_flush = super::FLUSH.split_once("local all = '").unwrap().1.split_once('\'').unwrap();
        let asking = [super::ADD, super::RETIRE, super::THIN].map(all_of);
        for (asked, code) in asking.into_iter().chain([of_flush]) {
            let runs =
                code.split("call('").skip(1).map(|call| call.split('\'').next().unwrap().to_lowercase());
            let asked: BTreeSet<String> = asked.split(' ').map(str::to_owned).collect();
            assert_eq!(asked, runs.collect());
        }
    }
}
