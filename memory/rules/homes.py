"""What may stand behind "moved to" when somebody's home is told: a pattern, to be looked ahead with.

Law: people move to night shifts, to decaf and to Netflix too, and a home that is none stands in every prompt. So what
follows must be a dwelling or a settlement ("a new flat in Leeds"), or a name with nothing behind it that makes it part
of another thing ("the finance team", "Sky broadband"). A word in lower case must be no plural and no other common
word, unless a place of that name is known: the list of known places lets more be read, and keeps nothing out.
"""

from memory.rules.lexicon import DIETS, DRINKS, INSTRUMENTS, NOT_VALUES, VEHICLES, VERBS, alternatives, listing
from memory.rules.words import MONTH

_KNOWN = listing(
    "us, usa, u.s, u.s.a, uk, u.k, uae, eu, nyc, ny, nj, la, l.a, sf, dc, d.c, nz, hk, kl, cdmx, nsw, bc, ca, pa, "
    # countries and states
    "america, argentina, australia, austria, bahamas, barbados, belarus, belgium, brazil, canada, chile, china, "
    "cyprus, czechia, denmark, emirates, england, france, germany, ghana, greece, honduras, iceland, india, ireland, "
    "israel, italy, japan, kenya, laos, lebanon, maldives, malta, mauritius, mexico, netherlands, norway, palestine, "
    "philippines, poland, portugal, scotland, seychelles, singapore, spain, sweden, switzerland, taiwan, thailand, "
    "turkey, ukraine, wales, united states, united kingdom, new zealand, south africa, south korea, north korea, "
    "saudi arabia, sri lanka, costa rica, puerto rico, hong kong, el salvador, czech republic, northern ireland, "
    "arkansas, illinois, kansas, maine, massachusetts, texas, new york, new jersey, new mexico, new hampshire, north "
    "carolina, south carolina, north dakota, south dakota, west virginia, rhode island, "
    # towns and parts of the world
    "algiers, antwerp, athens, barcelona, beijing, berlin, bordeaux, brighton, bristol, brussels, bruges, buenos "
    "aires, calais, cannes, caracas, chennai, chicago, cologne, columbus, dallas, des moines, docklands, florence, "
    "honolulu, indianapolis, kansas city, las vegas, leeds, lisbon, london, los angeles, madrid, marseilles, memphis, "
    "minneapolis, mumbai, munich, naples, new orleans, nice, nottingham, inverness, orleans, oslo, palm springs, "
    "paris, philly, porto, provence, reims, rennes, rhodes, rome, sacramento, salt lake city, são paulo, sao paulo, "
    "st andrews, st. andrews, stoke on trent, tel aviv, the hague, tokyo, tours, valencia, vienna, cape town, kuala "
    "lumpur, ho chi minh city, mexico city, rio, rio de janeiro, new delhi, abu dhabi, hollywood, canaries, alps, "
    "andes, azores, algarve, balkans, bronx, caribbean, cotswolds, hamptons, hebrides, highlands, midlands, "
    "midwest, middle east, outback, pacific northwest, riviera, rockies, bay area, big apple, lake "
    "district, east coast, west coast, far east, deep south"
)
#: Behind the front of a name in lower case ("san diego", "fort worth"): a name of two or three words.
_FRONTS = "san|santa|santo|saint|st\\.?|los|las|fort|cape|port|puerto|mount|lake|tel|abu|kuala|buenos|rio de|bad|el"

_DWELLING = (
    r"(?:flat|apartment|house|home|cottage|condo|studio|bungalow|loft|townhouse|duplex|penthouse|villa|farm|farmhouse|"
    r"cabin|houseboat|caravan|room|dorm|place|building|village|town|city|hamlet|suburb|county|country|countryside|"
    r"neighbou?rhood|area|region|district|part|side|corner|edge|outskirts|heart|middle|coast|island|state|province|"
    r"community|capital|north|south|east|west|mountains|centre|center)s?"
)
_NO_JOINT = r"(?!(?:in|at|of|on|with|for|from|to|and|near)\b)"

#: What may follow a name: the rest is a noun that it stands in front of.
_BEHIND = (
    r"(?=[^\S\n]*(?:$|[,.;:!?()\u2026\u2013\u2014-]|\d)|\s+(?:\w+ly|and|but|or|so|not|then|too|also|again|back|alone|"
    r"together|myself|ourselves|once|early|late|mid|ago|about|around|over|almost|nearly|just|now|yesterday|today|"
    r"tonight|tomorrow|last|next|this|that|these|those|the|an?|one|two|three|four|five|six|seven|eight|nine|ten|"
    r"some|several|many|few|in|on|at|by|near|outside|inside|from|for|with|without|to|of|through|via|after|before|"
    r"during|since|until|till|while|when|where|which|who|because|though|although|if|btw|lol|haha|i|i'm|we|it|it's|"
    r"my|our|full|part|instead|anyway|straight|right|unfortunately|area|region|county|city|town|suburbs?|coast|"
    r"islands?|state|province|district|village|side|cent(?:re|er)|as)\b)"
)
_PARTICLES = r"(?:of|de|da|do|del|la|le|les|los|upon|on|am|an der|im|in der|sur|under|y|el|al|au|aux|en|bei|ob der|the)"

_WORK = (
    "sales, marketing, finance, hr, it, qa, pr, ux, ops, operations, legal, support, accounts, admin, engineering, "
    "management, product, design, research, logistics, retail, consulting, contracting, remote, hybrid, freelance, "
    "self-employment, part-time, full-time, part time, full time, flexitime, academia, production, team, teams, "
    "level, tier, type, grade, year, phase, stage, step, plan, room, table, seat, gate, dr, dr., mr, mr., mrs, mrs., "
    "ms, ms., prof, prof., professor, coach"
)
_USED = (
    "netflix, spotify, hulu, disney, disney+, youtube, tidal, deezer, google, gmail, apple, icloud, ios, amazon, aws, "
    "azure, microsoft, outlook, windows, linux, ubuntu, debian, arch, mac, macos, android, pixel, samsung, sony, "
    "nintendo, playstation, xbox, steam, chrome, firefox, brave, safari, edge, vim, neovim, emacs, python, rust, "
    "java, javascript, typescript, kotlin, go, golang, react, vue, svelte, angular, next.js, node, django, postgres, "
    "mysql, sqlite, mongo, redis, docker, kubernetes, terraform, github, gitlab, bitbucket, jira, trello, asana, "
    "linear, notion, obsidian, evernote, slack, discord, zoom, whatsapp, signal, telegram, instagram, tiktok, "
    "facebook, meta, twitter, x, reddit, bluesky, mastodon, threads, substack, wordpress, shopify, etsy, ebay, "
    "paypal, stripe, revolut, monzo, starling, chatgpt, claude, gemini, copilot, openai, anthropic, ibm, intel, "
    "nvidia, siemens, deloitte, barclays, accenture, vodafone, verizon, t-mobile, sky, o2, ee, uber, lyft, airbnb, "
    "tesco, aldi, lidl, figma, canva, photoshop, lightroom, excel, sheets, kindle, audible, wi-fi, wifi, fibre, "
    "fiber, broadband, vpn, cloud, dvorak, colemak, bitcoin, crypto"
)
_TAKEN = (
    "decaf, insulin, ozempic, wegovy, mounjaro, zoloft, prozac, lexapro, ritalin, adderall, ibuprofen, paracetamol, "
    "vaping, nicotine, soy, oat, almond, gluten, meat, fish, tofu, sourdough, decaffeinated, sugar, salt, butter, "
    "yoga, pilates, crossfit, boxing, judo, tennis, football, climbing, cycling, swimming, catholicism, islam, "
    "buddhism, christianity, judaism, electric, solar, gas, hydrogen, digital, online, paper, cash, credit, renting, "
    "e-books, ebooks, audiobooks, vinyl, christmas, easter, plan, bed, work, school, college, university, uni, "
    "daycare, kindergarten, preschool, hospital, hospice, rehab, prison, jail, together, with, next, last, here, "
    "there, somewhere, anywhere, nicely, well, fine, ok, okay, yet, already, today, yesterday, tomorrow, tonight, "
    "recently, be, study, help, save, escape, care, become, start, retire, quickly, slowly, day, night, days, nights, "
    "weekend, weekly, monthly, biweekly, daily, barefoot, contact, minimalism, metric, imperial, mine, hers, his, "
    "theirs, ours, yours, mum's, mom's, dad's"
)
_THINGS = (
    listing(f"{_WORK}, {_USED}, {_TAKEN}") | DIETS | DRINKS | INSTRUMENTS | VEHICLES | VERBS | NOT_VALUES
) - listing("nice, the same, golf, seat, mate, my, your, his, her, their, our, this, these, those, up, down, out, off")
_NO_THING = rf"(?!(?:an? |the )?(?:{alternatives(_THINGS)})(?![\w'])|{MONTH}|\w+day\b)"

#: "Apple Music", "Halifax Bank": the last of several capitalised words tells what it is.
_ENDS = (
    r"(?!(?:the )?(?:(?-i:[A-Z])[\w'.-]* ){1,3}(?:team|office|department|group|plan|music|plus|pro|max|prime|premium|"
    r"cloud|code|drive|docs|mail|bank|energy|insurance|mobile|broadband|tv|video|fi|class|school|academy|studio|diet|"
    r"method|system|support|service|services|shift|shifts|app|browser|project|branch|ward|unit|pens?)\b)"
)
#: "GitHub", "AWS", "iPhone", "Anna's": no place is written so, and none ends in these unless it is known.
_LOOKS = r"(?!(?-i:[A-Z]{2,4}\b|(?!Ma?c|De|La|Le)\w*[a-z][A-Z]|\w*\d|[A-Z]\w+'s\b))"
_NO_COMMON = (
    r"(?![\w-]*(?:ing|ment|tion|sion|ness|ism|ware|time|work|ship|ity|ful|less|able|ine|pril|olol|statin|azole|formin|"
    r"[^\W_aiou]s|[ae]nce|based|free)\b)"
)
_KNOWN_NAME = rf"(?:the )?(?:{alternatives(_KNOWN)})\b"
_NAME = (
    rf"(?:the )?(?-i:[^\W\d_a-z])[\w'.-]*+(?:(?:[ ,]+{_PARTICLES})?[ ,]+(?-i:[^\W\d_a-z])[\w'.-]*+){{0,4}}"
    rf"|(?!(?:the|an|my|our|his|her|its|their|this|that|one|new)\b)(?-i:[a-z])[\w'-]{{2,}}+"
    rf"|(?:{_FRONTS}) [a-z-]{{3,}}(?: [a-z-]{{4,}})?"
)
_AREA = (
    r"(?:(?:just |right )?(?:downtown|central|inner|midtown|uptown|upstate|greater|rural|suburban|mainland|coastal|"
    r"northern|southern|eastern|western|north|south|east|west|north-?east|north-?west|south-?east|south-?west|sunny) )?"
)
_NAMED = (
    rf"{_AREA}(?:{_KNOWN_NAME}{_BEHIND}|{_NO_THING}{_ENDS}{_LOOKS}(?:(?=(?:the )?(?-i:[^\W\d_a-z]))|{_NO_COMMON})"
    rf"(?:{_NAME}){_BEHIND}(?! as (?:an?|the|their|head|lead)\b)(?! with (?:my|our) (?:new )?(?:pension|savings)\b))"
)
_SETTLED = (
    rf"(?:(?:an?|the|our|my|this|that|another|some|one) )(?:{_NO_JOINT}[\w'-]+,? ){{0,4}}?{_DWELLING}\b"
    r"(?=\s*(?:$|[,.;]|\d)|\s+(?:called|named|of|in|near|outside|by|on|at|close|just|not|around|over|overlooking|with|"
    r"where|that|which|and|for|from|about|last|this)\b)"
)

HOME = rf"(?:{_SETTLED}|{_NAMED})"  #: behind "moved to"
KNOWN = rf"(?:{_KNOWN_NAME}{_BEHIND})"  #: a place that is known by its name
#: Behind "moved in" and "settled in", where the preposition mostly belongs to the verb.
HOME_IN = rf"(?:{_SETTLED}|{_KNOWN_NAME}{_BEHIND}|(?=(?:the )?(?-i:[A-Z])){_NAMED})"
NO_THING = _NO_THING
