//! What is done on the server in one step: Lua, Redis 5 and later (which replicates what a script did, not its text).
//!
//! A script that fails half way leaves what it has done. So each reads and checks all that it can first; what it
//! writes first is what may still be refused, and harmless where it is.

/// What a script begins with that takes a shard from one state to the next: where it is, or a beginning.
///
/// Where the shard's state is gone and groups are there, their order goes on behind the last of them.
macro_rules! with_state {
    ($epoch:literal, $code:literal) => {
        concat!(
            "\
local meta = redis.call('GET', KEYS[1]) or ''
local epoch, seq, gone_from, made_from, made_since, before_since
if #meta == 65 and string.byte(meta) == 1 then
  epoch = string.sub(meta, 2, 9)
  seq, gone_from, made_from, made_since, before_since = struct.unpack('<I8I8I8I8I8', meta, 10)
elseif meta == '' then
  epoch, seq = ",
            $epoch,
            ", 0
  for i = 3, 4 do
    local last = redis.call('ZREVRANGE', KEYS[i], 0, 0, 'WITHSCORES')
    local highest = tonumber(last[2] or '0')
    if highest < 2 ^ 52 then
      seq = math.max(seq, math.floor(highest))
    end
  end
  gone_from, made_from, made_since, before_since = seq, seq, 0, 0
else
  return redis.error_reply('ERR the key ' .. KEYS[1] .. ' is not what this version writes there: \
             let a newer one go on, or delete it')
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- WAIT is promised for what its own connection has written. A full server takes no write, and answers all the same.
local function touch()
  redis.pcall('SET', KEYS[1], meta)
end
-- What was made before is answered as then.
local function made(gives)
  local record = redis.call('HGET', KEYS[5], gives) or redis.call('HGET', KEYS[6], gives)
  if record and #record == 24 then
    touch()
    local its_seq, born, its_time = struct.unpack('<I8I8I8', record)
    return {'M', its_seq, born, its_time}
  end
end
local function forgotten(age)
  return age ~= '' and now - age * 1000 < before_since
end
local function turn(gives, born, forget)
  if seq - made_from >= forget then
    redis.call('UNLINK', KEYS[6])
    redis.pcall('RENAME', KEYS[5], KEYS[6]) -- nothing is there if somebody deleted it
    made_from, made_since, before_since = seq, now, made_since
  end
  redis.call('HSET', KEYS[5], gives, struct.pack('<I8I8I8', seq, born, now))
end
local function keep(gives)
  redis.call('SET', KEYS[1], '\\1' .. epoch
    .. struct.pack('<I8I8I8I8I8', seq, gone_from, made_from, made_since, before_since) .. gives .. struct.pack('<I8', now))
end
",
            $code
        )
    };
}

/// One change of one group.
///
/// Keys: [`Keys::of_change`](crate::keys::Keys::of_change). Arguments, versions as 8 bytes: the group; the version that
/// is expected, or nothing for no such group; the one that the change makes; `P` for a push, `F` for a failed one, `D`
/// for a deletion; the content; its checksum; how many milliseconds it lives, or nothing for ever; the identifier of the
/// request; for how many milliseconds that is kept, or nothing where it has none; how many
/// milliseconds ago this change was first tried, or nothing where this is the first time; the epoch to begin; the version of an entry that is
/// damaged, and counts for none, or nothing; how many changes are remembered; the group in 8 bytes; the series that it
/// lets go of, and those that it takes, 16 bytes each; how many names it lets go of; those, and the names that it takes,
/// each behind the letter of its tag.
///
/// Answers `{'M', seq, born, microseconds}` where it was made, now or before; `{'S', entry}` for another state, nothing
/// for none; `{'N', which, tag}` for a name, by its place among those that it takes, and what it is; `{'C', series}`;
/// `{'R'}` for a request that was carried out before; `{'U'}` where it was tried before and nobody knows any more
/// whether it was made.
pub(crate) const COMMIT: &str = with_state!(
    "ARGV[11]",
    "\
local held = redis.call('HGET', KEYS[2], ARGV[1])
local version = ''
if held and #held >= 57 and string.byte(held) == 1 then
  version = string.sub(held, 2, 9)
end
if version == '' or version == ARGV[12] then
  held, version = false, ''
end
local gives = ARGV[3]
if version ~= ARGV[2] or version == '' then
  local before = made(gives)
  if before then
    return before
  end
  if version == gives then
    touch()
    local born, its_seq, pushed, failed = struct.unpack('<I8I8I8I8', held, 10)
    return {'M', its_seq, born, math.max(pushed, failed)}
  end
  if forgotten(ARGV[10]) then
    return {'U'}
  end
end
local millis = math.floor(now / 1000)
if ARGV[9] ~= '' then
  local known = redis.call('ZSCORE', KEYS[9], ARGV[8])
  if known and tonumber(known) > millis then
    touch()
    return {'R'}
  end
end
if version ~= ARGV[2] then
  return {'S', held}
end
local names, tags, counts, first = {}, {}, {}, 18 + tonumber(ARGV[17])
for from = 18, #ARGV, 1000 do
  local some = {}
  for i = from, math.min(from + 999, #ARGV) do
    some[#some + 1] = string.sub(ARGV[i], 2)
  end
  for i, value in ipairs(redis.call('HMGET', KEYS[7], unpack(some))) do
    local count = value and tonumber(string.sub(value, 2))
    names[from + i - 1] = some[i]
    if count and count > 0 then
      tags[some[i]], counts[some[i]] = string.byte(value), count
    end
  end
end
for i = 18, first - 1 do
  local name = names[i]
  if tags[name] == string.byte(ARGV[i]) then
    counts[name] = counts[name] - 1
    if counts[name] == 0 then
      tags[name] = nil
    end
  end
end
for i = first, #ARGV do
  local name, tag = names[i], string.byte(ARGV[i])
  if tags[name] and tags[name] ~= tag then
    return {'N', i - first, tags[name]}
  end
  tags[name], counts[name] = tag, (tags[name] and counts[name] or 0) + 1
end
local taken = {}
for from = 1, #ARGV[16], 16000 do
  local some = {}
  for at = from, math.min(from + 15999, #ARGV[16]), 16 do
    some[#some + 1] = string.sub(ARGV[16], at, at + 15)
  end
  for i, owner in ipairs(redis.call('HMGET', KEYS[8], unpack(some))) do
    if owner and owner ~= ARGV[14] then
      return {'C', some[i]}
    end
  end
  taken[#taken + 1] = some
end
seq = seq + 1
local born, before, pushed, failed, expires = seq, 0, 0, 0, 0
if held then
  born, before, pushed, failed, expires = struct.unpack('<I8I8I8I8I8', held, 10)
elseif ARGV[7] ~= '' then
  expires = millis + ARGV[7]
end
if ARGV[4] == 'D' then
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('ZADD', KEYS[4], seq, ARGV[1])
  if seq - gone_from > tonumber(ARGV[13]) and redis.call('ZCARD', KEYS[4]) > tonumber(ARGV[13]) then
    local oldest = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')
    redis.call('ZREM', KEYS[4], oldest[1])
    gone_from = tonumber(oldest[2])
  end
  turn(gives, born, tonumber(ARGV[13]))
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  local rest
  redis.call('ZADD', KEYS[3], seq, ARGV[1])
  if ARGV[4] == 'P' then
    pushed, expires, rest = now, ARGV[7] ~= '' and millis + ARGV[7] or 0, ARGV[6] .. ARGV[5]
  else
    failed, rest = now, held and string.sub(held, 50) or ARGV[6] .. ARGV[5]
  end
  turn(gives, born, tonumber(ARGV[13]))
  redis.call('HSET', KEYS[2], ARGV[1],
    '\\1' .. gives .. struct.pack('<I8I8I8I8I8', born, seq, pushed, failed, expires) .. rest)
end
for from = 1, #ARGV[15], 16000 do
  local some = {}
  for at = from, math.min(from + 15999, #ARGV[15]), 16 do
    some[#some + 1] = string.sub(ARGV[15], at, at + 15)
  end
  redis.call('HDEL', KEYS[8], unpack(some))
end
for _, some in ipairs(taken) do
  local pairs_of = {}
  for i, hash in ipairs(some) do
    pairs_of[2 * i - 1], pairs_of[2 * i] = hash, ARGV[14]
  end
  redis.call('HSET', KEYS[8], unpack(pairs_of))
end
for from = 18, #ARGV, 1000 do
  local kept, freed = {}, {}
  for i = from, math.min(from + 999, #ARGV) do
    local name = names[i]
    if tags[name] then
      kept[#kept + 1] = name
      kept[#kept + 1] = string.char(tags[name]) .. counts[name]
    else
      freed[#freed + 1] = name
    end
  end
  if #kept > 0 then
    redis.call('HSET', KEYS[7], unpack(kept))
  end
  if #freed > 0 then
    redis.call('HDEL', KEYS[7], unpack(freed))
  end
end
if ARGV[9] ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[9], '-inf', millis)
  redis.call('ZADD', KEYS[9], millis + ARGV[9], ARGV[8])
end
keep(gives)
return {'M', seq, born, now}
"
);

/// Everything goes, and an epoch begins.
///
/// Keys: [`Keys::of_change`](crate::keys::Keys::of_change). Arguments: the version that this makes, as if it were a
/// change; the new epoch; how many milliseconds ago it was first tried, or nothing; how many changes are remembered.
///
/// Answers as [`COMMIT`] does: `M` or `U`. What was made is remembered beyond it: a change that is tried again
/// afterwards is not made again.
pub(crate) const WIPE: &str = with_state!(
    "''",
    "\
local before = made(ARGV[1])
if before then
  return before
end
if forgotten(ARGV[3]) then
  return {'U'}
end
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[7], KEYS[8], KEYS[9])
seq = seq + 1
epoch, gone_from = ARGV[2], seq
turn(ARGV[1], seq, tonumber(ARGV[4]))
keep(ARGV[1])
return {'M', seq, seq, now}
"
);

/// What has changed.
///
/// Keys: [`Keys::of_following`](crate::keys::Keys::of_following). Arguments: the state of the shard, as it was read
/// last; how many groups may have changed.
///
/// Answers the time, as `TIME` does; the state of the shard; a word; groups, their entries, and groups that are gone.
/// The word is `SAME`, `SOME`, or `ALL` where it cannot tell: the epoch is another one, what was the last change then
/// is not one now (the server has lost changes), deletions since then are not remembered, or it is too much.
pub(crate) const FOLLOW: &str = "\
local meta = redis.call('GET', KEYS[1]) or ''
local time = redis.call('TIME')
local known = ARGV[1]
if meta == known then
  return {time[1], time[2], meta, 'SAME', {}, {}, {}}
end
local all = {time[1], time[2], meta, 'ALL', {}, {}, {}}
if #meta ~= 65 or #known ~= 65 or string.sub(meta, 1, 9) ~= string.sub(known, 1, 9) then
  return all
end
local since, _, _, _, _, gives, at = struct.unpack('<I8I8I8I8I8c8I8', known, 10)
local _, gone_from = struct.unpack('<I8I8', meta, 10)
local record = redis.call('HGET', KEYS[5], gives) or redis.call('HGET', KEYS[6], gives)
if not record or #record ~= 24 or gone_from > since then
  return all
end
local its_seq, _, its_time = struct.unpack('<I8I8I8', record)
if its_seq ~= since or its_time ~= at
  or redis.call('ZCOUNT', KEYS[3], '(' .. string.format('%.0f', since), '+inf') > tonumber(ARGV[2]) then
  return all
end
since = '(' .. string.format('%.0f', since)
local groups = redis.call('ZRANGEBYSCORE', KEYS[3], since, '+inf')
local entries = {}
for from = 1, #groups, 1000 do
  local some = redis.call('HMGET', KEYS[2], unpack(groups, from, math.min(from + 999, #groups)))
  for i, entry in ipairs(some) do
    entries[from + i - 1] = entry
  end
end
return {time[1], time[2], meta, 'SOME', groups, entries, redis.call('ZRANGEBYSCORE', KEYS[4], since, '+inf')}
";

/// Whether whoever asks may do all that scripts here do, where the server can tell (Redis 7).
///
/// Keys: one of the shard. Answers 1, or an error that names what may not be done.
pub(crate) const RIGHTS: &str = "\
for command in string.gmatch('get hdel hget hmget hset rename set time unlink zadd zcard zcount zrange zrangebyscore \
zrem zremrangebyscore zrevrange zscore', '%S+') do
  if redis.acl_check_cmd and not redis.acl_check_cmd(command, KEYS[1]) then
    return redis.error_reply(\"NOPERM this user has no permissions to run the '\" .. command .. \"' command in scripts\")
  end
end
return 1
";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn rights_are_asked_for_all_commands_that_scripts_run_and_no_others() {
        let (_, asked) = super::RIGHTS.split_once("string.gmatch('").unwrap();
        let asked: BTreeSet<String> =
            asked.split_once('\'').unwrap().0.split(' ').map(str::to_owned).collect();
        let run: BTreeSet<String> = [super::COMMIT, super::WIPE, super::FOLLOW]
            .iter()
            .flat_map(|script| script.split("call('").skip(1))
            .map(|call| call.split('\'').next().unwrap().to_lowercase())
            .collect();
        assert_eq!(asked, run);
    }
}
