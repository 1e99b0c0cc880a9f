--- The command line's grammar: commands, options, their help. lua-argparse makes usage and completions of it.
local argparse = require "argparse"
local text_of = require "awork.format.text"

local M = {}

local FORMATS = { "csv", "tsv", "vcard", "scim", "json", "jsonl" }

local function whole(least, most)
  return function(text)
    local number = text:find "^%d+$" and math.tointeger(tonumber(text))
    if not number or number < least or number > most then
      return nil, ("'%s' is no whole number from %d to %d"):format(text, least, most)
    end
    return number
  end
end

-- With a point, whatever the locale's is: tonumber takes that, too.
local function decimal(text)
  return text:find "^%d*%.?%d*$" and tonumber(text)
end

local function seconds(text)
  local number = decimal(text)
  if not number or not (number > 0 and number < math.huge) then
    return nil, ("'%s' is no number of seconds"):format(text)
  end
  return number
end

local function share(text)
  local number = decimal(text)
  if not number or not (number >= 0 and number < 1) then
    return nil, ("'%s' is no number from 0 to below 1"):format(text)
  end
  return number
end

local function limit(text)
  if text == "none" then
    return false
  end
  local number, message = whole(0, 1 << 31)(text)
  return number, message and message .. " or 'none'"
end

-- "phone,email/private" → { "phone", "email/private" }
local function list(text)
  local items = {}
  for piece in text:gmatch "[^,]+" do
    local item = text_of.trim(piece)
    if item ~= "" then
      items[#items + 1] = item
    end
  end
  if #items == 0 then
    return nil, "an empty list"
  end
  return items
end

-- "Durchwahl=phone:work" → { "Durchwahl", "phone:work" }
local function mapping(text)
  local at = text:find "=[^=]*$"
  if not at or at == 1 or at == #text then
    return nil, ("'%s' is not like 'Durchwahl=phone:work'"):format(text)
  end
  return { text:sub(1, at - 1), text:sub(at + 1) }
end

-- The complaint names the option.
local function of(name, convert)
  return function(text)
    local value, message = convert(text)
    return value, message and ("%s: %s"):format(name, message)
  end
end

local GLOBAL = "Every command takes the global options, too: awork-contacts --help."

local EPILOG = "The token comes from the file of --token-file, from AWORK_TOKEN, from the file that AWORK_TOKEN_FILE "
  .. "names, or from ~/.config/awork/token; a file must be readable by its owner alone.\n\n"
  .. "Exit codes: 0 nothing to do, or done; 1 an error, or not all of it done; 2 changes pending (plan, "
  .. "undo --dry-run); 128 + n stopped by signal n."

--- Makes a parser.
-- @param on_help function that takes a help text, when one is asked for
-- @return argparse parser
function M.new(on_help)
  local function help(element)
    element:add_help(false)
    element:flag "-h --help" :description "Show this help." :action(function()
      on_help(element:get_help() .. "\n")
      error("help", 0)
    end)
    return element
  end
  local parser = help(argparse "awork-contacts")
  parser:description "Looks after the contact infos of awork's users: plan, apply, undo, check, find, export."
    :epilog(EPILOG):command_target "command":help_max_width(80):usage_max_width(80):help_description_margin(28)
  parser:flag "--version" :description "Show the version."
    :action(function()
      on_help(("awork-contacts %s\n"):format(require "awork.core".version.awork))
      error("help", 0)
    end)
  parser:flag "--json" :description "Results as JSON, for programs; messages stay on standard error."
  parser:flag "-q --quiet" :description "Say nothing but results and errors."
  parser:flag "--no-color" :description "No colours. NO_COLOR in the environment says the same."
  parser:option "--base-url" :argname "URL"
    :description "Where the API is. By default AWORK_BASE_URL, or awork's own."
  parser:option "--ca-file" :argname "FILE"
    :description "Certificates (PEM) to trust instead of the system's. By default AWORK_CA_FILE."
  parser:option "--token-file" :argname "FILE" :description "A file of mode 0600 with the token."
  parser:option "--timeout" :argname "SECONDS" :convert(of("--timeout", seconds))
    :description "For one request, with its retries (30)."
  parser:option "--reserve" :argname "SHARE" :convert(of("--reserve", share))
    :description "Share of the rate limit that is left to others: 0.2 is a fifth (0)."

  local function command(name, description, long)
    local made = help(parser:command(name))
    made:summary(description):description(long and description .. " " .. long or description):epilog(GLOBAL)
      :help_max_width(80):usage_max_width(80):help_description_margin(28)
    return made
  end
  local function input(made)
    made:option "--from" :argname "FORMAT" :choices(FORMATS)
      :description "The file's format: csv, tsv, vcard, scim, json or jsonl. By default, by its name, else by its text."
    made:option "--encoding" :argname "NAME"
      :description "The file's encoding, if not UTF-8: windows-1252, utf-16, ..."
    made:option "--user" :argname "COLUMN"
      :description "Which column (property, attribute) says who it is: an awork id or an email address."
    made:option "--column" :argname "NAME=WHAT" :count "*" :convert(of("--column", mapping))
      :description "What a CSV column is: 'Durchwahl=phone:work', 'Haus=address:work:addressLine1'. May be repeated."
    made:option "--ignore-column" :argname "NAME" :count "*" :target "ignore_column"
      :description "A column (property, attribute) that holds nothing for awork. May be repeated."
  end
  local function country(made)
    made:option "--default-country" :argname "CODE"
      :description "Whose phone numbers are written without a calling code: DE, or 49."
  end
  local function planning(made)
    input(made)
    country(made)
    made:flag "--prune" :description "Delete what the people named have and the file does not, in the scope of --only."
    made:option "--only" :argname "TYPES" :convert(of("--only", list))
      :description "Look at these alone: types, or subtypes, as in phone,email/private."
    made:flag "--replace" :description "A new value takes the place of the only other one of its type and subtype."
    made:option "--touch" :argname "WHO" :convert(of("--touch", list))
      :description "Touch these, too: external, agent, api_user, deleted, archived, deactivated, login."
    made:option "--delete-limit" :argname "N" :convert(of("--delete-limit", limit))
      :description "Apply nothing if more would be deleted or replaced (10 %, at least 20). 'none': no limit."
  end
  local function applying(made)
    made:flag "-y --yes" :description "Do not ask. Needed where there is no terminal to ask on."
    made:option "--concurrency" :argname "N" :convert(of("--concurrency", whole(1, 1000)))
      :description "People at once (8)."
    made:option "--journal" :argname "FILE"
      :description "The undo journal; must not exist yet. By default a new one in ~/.local/state/awork."
  end

  command("check", "Who am I, and what may I do?", "Changes nothing.")

  local find = command("find", "Find people by a contact info.",
    "Phones are compared by digits, mail domains without regard to case.")
  find:argument "what" :args "?" :description "A phone number, an email address, or any other value."
  find:option "--phone" :argname "NUMBER" :description "By phone number."
  find:option "--email" :argname "ADDRESS" :description "By email address."
  find:option "--value" :argname "TEXT" :description "By a value of any type."
  find:option "--type" :argname "TYPE" :description "Of this type."
  find:option "--subtype" :argname "SUBTYPE" :description "Of this subtype."
  find:option "--limit" :argname "N" :convert(of("--limit", whole(1, 1 << 31))) :description "Stop after so many."
  find:flag "--archived" :description "Look among archived users, too."
  find:flag "--api-users" :description "Look among API users, too."
  find:flag "--companies" :description "Companies instead of users."
  country(find)

  local listing = command("list", "List contact infos, of everyone or of one.")
  listing:argument "who" :args "?" :description "An id, or an email address; everyone by default."
  listing:option "--only" :argname "TYPES" :convert(of("--only", list)) :description "These types, or subtypes, alone."
  listing:flag "--archived" :description "Archived users, too."
  listing:flag "--api-users" :description "API users, too."
  listing:flag "--companies" :description "Companies instead of users."

  local validate = command("validate", "Check a file, offline.", "Names row and column of all that is wrong.")
  validate:argument "file" :description "What to check; - is standard input."
  input(validate)
  validate:flag "--strict" :description "What is doubtful is wrong."

  local plan = command("plan", "Show what would be changed. Changes nothing.")
  plan:argument "file" :description "People as they should be; - is standard input."
  plan:option "-o --output" :argname "FILE" :description "Save the plan, for apply; - is standard output."
  planning(plan)

  local apply = command("apply", "Make awork match a file, or apply a saved plan.")
  apply:argument "file" :description "People as they should be, or a plan; - is standard input."
  planning(apply)
  applying(apply)
  apply:flag "--partial" :description "Apply what can be, though the plan has problems."

  local undo = command("undo", "Put back what an apply changed.")
  undo:argument "journal_file" :description "The undo journal that apply has named."
  undo:flag "-n --dry-run" :description "Only show what would be put back."
  applying(undo)

  local export = command("export", "Write everyone's contact infos to a file, or to standard output.")
  export:option "-f --format" :argname "FORMAT" :choices(FORMATS)
    :description "csv, tsv, vcard, scim, json or jsonl. By default that of the file's name, else json."
  export:option "-o --output" :argname "FILE" :description "Where to; standard output by default."
  export:option "--only" :argname "TYPES" :convert(of("--only", list)) :description "These types, or subtypes, alone."
  export:flag "--archived" :description "Archived users, too."
  export:flag "--api-users" :description "API users, too."
  export:flag "--bom" :description "CSV with a byte order mark, which Excel wants."

  local types = command("types", "List the types and subtypes that awork knows. Offline.")
  types:flag "--companies" :description "Those of companies."

  local sandbox = command("sandbox", "Run a server that behaves like awork, and print what to export for it.",
    "Needs the rock awork-sandbox. Runs until it is interrupted.")
  sandbox:option "--port" :argname "N" :convert(of("--port", whole(0, 65535))) :description "0: any free one (8080)."
  sandbox:option "--people" :argname "FILE" :description "Users from a file, each with an email address alone."
  sandbox:option "--users" :argname "N" :convert(of("--users", whole(0, 100000)))
    :description "How many invented users (3)."
  sandbox:option "--contact-infos" :argname "N" :convert(of("--contact-infos", whole(0, 1000)))
    :description "Each of them has (0)."
  sandbox:flag "--tls" :description "With a certificate made at start."
  sandbox:flag "--no-limit" :description "No rate limit."

  local completion = command("completion", "Print a completion script for a shell.")
  completion:argument "shell" :choices { "bash", "zsh", "fish" } :description "bash, zsh or fish."
  return parser
end

local COMPLETE = { bash = "get_bash_complete", zsh = "get_zsh_complete", fish = "get_fish_complete" }

--- The completion script for a shell.
-- @param shell "bash", "zsh" or "fish"
-- @return string
function M.completion(shell)
  local parser = M.new(function() end)
  return parser[COMPLETE[shell]](parser)
end

-- Options and arguments that name a file.
local FILES = { "file", "journal_file", "output", "journal", "people", "token_file", "ca_file" }

-- No file and no value can have one; C would read what is before it.
local function has_zero(args)
  for _, arg in ipairs(args) do
    if arg:find("\0", 1, true) then
      return true
    end
  end
  return false
end

local function has_token(args)
  for _, arg in ipairs(args) do
    if arg == "--" then
      return false
    elseif arg == "--token" or arg:find "^%-%-token=" then
      return true
    end
  end
  return false
end

--- Takes arguments apart.
-- @param args list of strings
-- @return table of options with `command`; or nil and a help text to print; or nil, nil, what is wrong
function M.parse(args)
  if has_token(args) then
    return nil, nil, "a token is no argument: everyone on this machine can read it there. "
      .. "Set AWORK_TOKEN, or put it into a file of mode 0600 and name that with --token-file"
  end
  if has_zero(args) then
    return nil, nil, "an argument has a zero byte"
  end
  local help
  local parser = M.new(function(text) help = text end)
  local done, ok, result = pcall(parser.pparse, parser, args)
  if help then
    return nil, help
  elseif not done then
    error(ok, 0)
  elseif ok then
    for _, name in ipairs(FILES) do
      if result[name] == "" then
        return nil, nil, ("%s: an empty name"):format(name:find "file$" and name ~= "token_file" and name ~= "ca_file"
          and name:gsub("_", " ") or "--" .. name:gsub("_", "-"))
      end
    end
    return result
  end
  local command = args[1] and not args[1]:find "^%-" and not result:find "^unknown command" and args[1]
  return nil, nil, ("%s\nawork-contacts %s--help tells more."):format(result, command and command .. " " or "")
end

return M
