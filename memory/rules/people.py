"""The first half of the relation table: who somebody is, and where they live, learn and work.

Law: ``memory/rules/relations.py``. Studying comes before working, so that a student's university is no employer.
"""

from memory.rules.homes import HOME, HOME_IN, KNOWN, NO_THING
from memory.rules.relation import Relation, relation
from memory.rules.words import MONTH

#: What a birthday's value begins with: "3 May", "May 3rd", "the third of May", "3.5."; two dates are none.
_DATE = (
    rf"(?:\w+day,? )?(?:(?:\d{{1,2}}(?:st|nd|rd|th)?|[a-z-]+(?:st|nd|rd|th))(?: of)? {MONTH}|"
    rf"{MONTH} (?:the )?\d{{1,2}}(?:st|nd|rd|th)?\b|\d{{1,4}}[./-]\d{{1,2}}\b|christmas\b|new year\b)"
    r"(?:[.,/-]? ?(?:19|20)\d\d\b|[./-]\d\d\b)?"
    r"(?![^,]*\b(?:or|is|was|be)\b|,(?! (?:so|and|but|which|because|as|not|please|thanks|too|though|btw|by the way|"
    r"actually|remember|keep|note|don't)\b))"
)

_MOVED = r"(?:have )?(?:moved|relocated|emigrated|immigrated|settled)(?: down| back| over| house| home)?"

PEOPLE: tuple[Relation, ...] = (
    relation(
        "name",
        "name",
        "{P} name is {v}.",
        """
        be called {v}
        be named {v}
        go(?:es)? by (?:the name (?:of )?)?{v}
        (?:'d like|wants?|prefers?|likes?) to be called {v:person}
        """,
        "(?:first |full |real |given |preferred )?name be {v}",
        r"my (?:first |full |real )?name(?! of)|who i am|who am i|(?:what|how) am i called|call(?:s|ed)? me|"
        r"i(?:'m| am) called|name (?:do )?i (?:have|go by)",
        profile=True,
    ),
    relation(
        "lives",
        "place",
        "{S} lives in {v}.",
        rf"""
        lives? (?:with .{{2,30}} )?in {{v}}
        lives? (?:near|at|outside|close to|next to) {{v}} -> {{S}} lives near {{v}}.
        be (?:living|based|residing|located|settled) in {{v}}
        resides? in {{v}}
        {_MOVED} to (?={HOME}){{v}}
        {_MOVED} in (?={HOME_IN}){{v}}
        be (?:back )?living in {{v}}
        have been (?:living|based) in {{v}}
        have lived in {{v}} (?:for|since) .+
        (?:have )?moved (?:here |over )?from {NO_THING}.{{2,40}} to (?={HOME}){{v}}
        (?:have )?left .{{2,40}} and moved to (?={HOME}){{v}}
        (?:have )?left (?:{KNOWN} for (?={HOME})|.{{2,40}} for (?={KNOWN})){{v}}
        have my home in {{v}}
        """,
        """
        (?:new )?home be (?:in )?{v}
        (?:new )?(?:home )?address be (?:now )?in {v}
        (?:new )?(?:flat|apartment|house) be in {v}
        (?:current |home )city be {v}
        (?:place of )?residence be (?:in )?{v}
        """,
        r"where (?:do )?i(?:'m| am)? (?:live|living|based|staying)|where am i (?:living|based)|where i(?:'m|"
        r" am) (?:living|based)|my (?:home |current |new )?address|my home(?! ?town)|my (?:current )?(?:city|town|"
        r"place of residence|residence|location)|(?:city|town|country|place) (?:do )?i live|"
        r"(?:which|what) (?:city|town|country|place) am i (?:living|based)|where (?:do )?i reside|"
        r"did i (?:move to|settle)|i moved to|where is my (?:house|flat|apartment)",
        profile=True,
    ),
    relation(
        "learning",
        "language",
        "{S} is learning {v}.",
        """
        (?:be|have been) learning(?: how to speak| to speak)? {v}
        (?:be|have been) studying the {v:tongue} language
        (?:be|have been) (?:studying|practi[sc]ing) {v:tongue}
        be picking up (?:some |a little )?{v:tongue}
        (?:have )?(?:started|began|begun) (?:learning|to learn) {v} -> {S} started learning {v}.
        (?:have )?(?:started|began|begun) (?:studying|to study) {v:tongue} -> {S} started learning {v}.
        learns? {v}
        stud(?:y|ies) {v:tongue}
        takes? {v} (?:lessons|classes|courses) -> {S} takes {v} lessons.
        takes? (?:lessons|classes|a course) in {v:tongue} -> {S} takes {v} lessons.
        (?:be|have been) taking {v} (?:lessons|classes)(?: in the .+)? -> {S} takes {v} lessons.
        (?:have )?signed up for (?:a|an) {v:tongue} (?:course|class) -> {S} takes {v} lessons.
        go(?:es)? to (?:a|an) {v:tongue} (?:course|class) -> {S} takes {v} lessons.
        wants? to learn {v} -> {S} wants to learn {v}.
        """,
        "",
        r"(?:which|what) (?:languages? )?(?:lessons|classes|course)|(?:am i|i(?:'m| am)) (?:trying to )?(?:learning|"
        r"learn)|"
        r"(?:do |did )?i (?:want to |start(?:ed)? (?:learning|to learn)|take lessons|learn\b)|"
        r"(?:which|what) (?:new |foreign )?languages? (?:am i|i(?:'m| am)) (?:learning|studying|picking up)|"
        r"languages? i(?:'m| am) (?:learning|studying)",
        single=False,
    ),
    relation(
        "university",
        "campus",
        "{S} studies at {v}.",
        """
        stud(?:y|ies) at {v}
        (?:have )?(?:started|began|begun) (?:studying|to study|my studies|his studies|her studies) at {v}
        be (?:studying|enrolled) at {v}
        (?:have )?enrolled at {v}
        be (?:a|an) (?:[\\w.'-]+ ){0,3}student at {v}
        be (?:a|an) (?:[\\w.'-]+ ){0,2}student of {v:named_campus}
        (?:goes|go) to (?:university|college|uni) (?:at|in) {v}
        (?:goes|go) to {v:named_campus}
        attends? (?:university|college|uni|lectures) at {v}
        attends? {v:named_campus}
        be doing (?:my|his|her|their|a|an) (?:degree|master's|masters|bachelor's|bachelors|phd|doctorate) at {v}
        was admitted to {v:named_campus}
        (?:have )?(?:got|been offered|was offered) a place to study at {v}
        (?:have )?(?:got|been offered|was offered) a place at {v:named_campus}
        (?:have )?transferred to {v} to study
        """,
        """
        (?:new )?(?:university|uni|college|alma mater) be {v}
        """,
        r"where (?:do |did )?i (?:study|studied)|where am i studying|my (?:university|college|uni|alma mater)|"
        r"(?:which|what) (?:university|college|school) (?:do |am |did )?i|where (?:do )?i go to (?:university|"
        r"college|uni)",
    ),
    relation(
        "studies",
        "subject",
        "{S} studies {v}.",
        """
        stud(?:y|ies) {v}
        be (?:studying|majoring in|reading for a degree in) {v}
        be studying {v} at (?:university|college|uni)
        (?:have )?(?:started|began|begun) (?:studying|to study) {v}
        (?:be )?(?:a|an) (?:\\w+ )?student of {v}
        be (?:a|an) {v:field} student -> {S} studies {v}.
        majors? in {v}
        (?:have )?studied {v} -> {S} studied {v}.
        have (?:a|an|my) (?:\\w+ )?(?:degree|phd|doctorate|diploma) in {v} -> {S} has a degree in {v}.
        have (?:a|an|my) (?:master's|masters|bachelor's|bachelors) in {v} -> {S} has a degree in {v}.
        did (?:a|an|my|his|her) (?:degree|phd|doctorate|diploma|master's|bachelor's) in {v} -> {S} has a degree in {v}.
        be (?:doing|working towards) (?:a|an|my|his|her|their) (?:\\w+ )?(?:degree|phd|master's|bachelor's) in {v}
        (?:have )?switched (?:my studies |his studies |her studies )?to studying {v}
        (?:have )?switched (?:my|his|her) (?:studies|major|degree) to {v}
        """,
        """
        (?:major|subject|degree|field of study) be (?:in )?{v}
        studies be in {v}
        """,
        r"(?<!where )(?:do|did) i study(?! at)|what i stud(?:y|ied)|what am i studying|(?:which|what) subject|"
        r"my (?:degree|major|studies|field of study|subject)|my lectures|do i have a degree in|do i major in",
    ),
    relation(
        "work",
        "company",
        "{S} works at {v}.",
        """
        works? (?:at|for) {v}
        be (?:working|employed) (?:at|for|by) {v}
        have been working (?:at|for) {v}
        (?:have )?(?:start|starts|started|began|begun) (?:working |work )?(?:at|for) {v}
        (?:have )?(?:gets?|got|found|landed|took) (?:a|my|the) (?:new )?(?:job|position|role|post) (?:at|with) {v}
        (?:have )?(?:starts?|started|began) (?:a|my|the) (?:new )?(?:job|position|role|post) (?:at|with|for) {v}
        have a (?:new )?(?:job|position|role|post) (?:at|with) {v}
        (?:quit|left) .{2,40} and (?:joined|started(?: a new job)? at|work at|now work at) {v}
        joined {v:employer} (?:as|last|this|in) .*
        (?:changed|switched) jobs (?:to|and (?:now )?work at) {v}
        earns? (?:my|a|his|her|their) (?:money|living) at {v}
        """,
        """
        (?:new |current )?(?:employer|company|workplace) be {v:employer}
        """,
        r"where (?:do )?i work|where am i (?:working|employed)|who (?:do )?i work for|my (?:current )?(?:employer|"
        r"company|"
        r"workplace|office)|(?:which|what) (?:company|firm) (?:do |am )?i (?:work|employed)|employed|"
        r"where(?:'s| is) my (?:job|work)|(?:company|place) (?:that )?i work|(?:who|firm|company) employs me|"
        r"for whom (?:do )?i work|where did i (?:start working|(?:find|get) (?:a|my) (?:new )?job)",
        profile=True,
    ),
    relation(
        "job",
        "job",
        "{S} works as {v}.",
        """
        works? as {v:stated_job}
        be (?:working|employed) as {v:stated_job}
        have been working as {v:stated_job}
        (?:have )?(?:became|become|trained as|retrained as) {v}
        (?:have )?(?:got|gets?|started|found|landed|took) (?:a|my|the) (?:new )?(?:job|position|role) as {v:stated_job}
        have a (?:new )?job as {v:stated_job}
        earns? (?:my|a|his|her|their) living as {v}
        makes? (?:my|a|his|her|their) living as {v}
        be {v} (?:by profession|by trade)
        be {v}
        """,
        """
        (?:current |new )?(?:job|profession|occupation|trade|role) be (?:that of |being )?{v}
        """,
        r"(?<!where is )(?<!where's )my (?:current )?(?:job|profession|occupation|role|trade|career)|"
        r"(?:do )?i do for (?:a living|work)|(?:do )?i work as|(?:kind|line|sort) of (?:work|job)|am i (?:working as|"
        r"by (?:profession|trade))|"
        r"(?:do )?i (?:earn|make) (?:a|my) living|did i (?:train|retrain) as|(?:which|what) job (?:do )?i",
        profile=True,
    ),
    relation(
        "born",
        "place",
        "{S} was born in {v}.",
        """
        was born(?: and raised| and grew up)? in {v}
        be born(?: and raised)? in {v}
        came into the world in {v}
        be (?:originally )?from {v} -> {S} is from {v}.
        comes? from {v} -> {S} comes from {v}.
        grew up in {v} -> {S} grew up in {v}.
        was raised in {v} -> {S} was raised in {v}.
        be a native of {v} -> {S} is a native of {v}.
        spent (?:my |his |her |their )?childhood in {v} -> {S} spent childhood in {v}.
        """,
        """
        (?:place of birth|birthplace|birth place) be {v}
        """,
        r"where (?:was i|i was) (?:born|raised)|where am i from|where i(?:'m| am) from|where (?:do )?i come from|"
        r"(?:did )?i (?:grow|grew) up(?! speaking)|my (?:place of birth|birth ?place|origins?|roots)|"
        r"(?:city|town|country|place) (?:was i|i was) (?:born|raised)|"
        r"(?:city|town|country|place) (?:(?:am i|i am|i'm|(?:do )?i come) from)|where did i spend my childhood",
        profile=True,
    ),
    relation(
        "birthday",
        "date",
        "{P} birthday is on {v}.",
        """
        (?:was|be) born on (?:the )?{v}
        have (?:my|his|her|their|a|the) birthday (?:on )?(?:the )?{v}
        celebrates? (?:my|his|her|their|a) birthday on (?:the )?{v}
        (?:turns?|gets?|'ll be|will be) a year older on (?:the )?{v}
        """,
        rf"""
        birthday (?:be |falls )?(?:on )?(?:the )?(?={_DATE}){{v}}
        (?:date of birth|birth ?date|birth day) be (?:on )?(?:the )?(?={_DATE}){{v}}
        """,
        r"my (?:next )?birthday|my (?:date of birth|birth ?date|birth day)|when (?:was i|i was) born|"
        r"(?:which|what) (?:day|date) was i born|(?:turn|get|become|be|am|i'm) (?:a|one) year older",
        profile=True,
    ),
    relation(
        "age",
        "age",
        "{S} is {v} years old.",
        """
        be {v} years? (?:old|of age|young)
        be (?:aged )?{v}
        (?:have )?(?:just )?turned {v}(?: years old)?
        (?:have )?(?:became|reached the age of) {v}
        """,
        "(?:current )?age be {v}(?: years(?: old)?)?",
        r"my (?:current )?age|how old (?:am i|i am|i'm)|how many years old|what age (?:am i|i am)|"
        r"(?:do |did )?i turn(?:ed)?(?! (?:a|one) year)",
        profile=True,
    ),
    relation(
        "children",
        "count",
        "{S} has {v} children.",
        """
        have {v} (?:\\w+ )?(?:child|children|kids?)(?: at home)?(?:,? and .*)?
        be (?:a|the) (?:proud )?(?:parent|mother|father|mum|mom|dad) (?:of|to|with) {v}(?: children| kids)?
        (?:be|have been) (?:raising|bringing up) {v} (?:\\w+ )?(?:children|kids)
        """,
        "",
        r"how many (?:kids|children)|do i have (?:kids|children|any kids|any children)|my (?:kids|children)|"
        r"number of (?:my )?(?:kids|children)",
        profile=True,
    ),
    relation(
        "speaks",
        "tongue",
        "{S} speaks {v}.",
        """
        (?:can )?speaks? (?:fluent |perfect |good |native |some |a little |a bit of )?{v}
        (?:can )?speaks? {v} (?:fluently|well|at home|every day|(?:with|to|in) .{2,40})
        be fluent in {v}
        be (?:a )?native speaker of {v}
        grew up speaking {v}
        talks? to .{2,30} in {v}
        understands? {v}
        knows? {v}(?: well)?
        """,
        """
        (?:native|first|mother) (?:language|tongue) be {v} -> {P} first language is {v}.
        """,
        r"(?:do|can|did) i speak|languages? (?:do |can )?(?:i|we) speak|(?:do|can) i (?:know|understand) (?:which |"
        r"what )?"
        r"languages?|am i (?:a native speaker|fluent)|i(?:'m| am) fluent|my (?:native|mother|first) (?:tongue|"
        r"language)",
        single=False,
    ),
    relation(
        "rel:partner",
        "person",
        "{P} partner is called {v}.",
        """
        be (?:dating|seeing|married to|engaged to|in a relationship with|together with) {v}
        be with {v} now
        """,
        "",
        r"my partner|(?:am i|i(?:'m| am)) (?:dating|married to|in a relationship with)",
        profile=True,
    ),
    relation(
        "rel:manager",
        "person",
        "{P} manager is called {v}.",
        "reports? to {v}",
        "",
        r"my manager|(?:do )?i report to",
        profile=True,
    ),
)
