"""The relation table: for each kind of fact how people say it, how memory writes it down and how it is asked for.

Law: the written form is a plain third-person sentence; the embedded model was trained on exactly these forms. Patterns
match the whole predicate of a clause (the words after "I" or "Bob", auxiliaries in the form "be"/"have", adverbs
removed), so what is not foreseen is not read as a fact.

In patterns ``{v}`` is the value and verbs stand with an optional third-person ending. In lines ``{S}`` is "The user" or
"Bob", ``{P}`` "The user's" or "Bob's".
"""

from memory.rules.relation import Relation, relation

RELATIONS: tuple[Relation, ...] = (
    relation(
        "name",
        "name",
        "{P} name is {v}.",
        """
        be called {v}
        be named {v}
        goes? by (?:the name (?:of )?)?{v}
        """,
        "(?:first |full |real |given )?name be {v}",
        r"my (?:first |full |real )?name(?! of)|who i am|who am i|am i called|call me|i am called",
        profile=True,
    ),
    relation(
        "lives",
        "place",
        "{S} lives in {v}.",
        """
        lives? (?:with .{2,30} )?in {v}
        lives? (?:near|at|outside|close to|next to) {v} -> {S} lives near {v}.
        be (?:living|based|residing|located|settled) in {v}
        resides? in {v}
        (?:have )?(?:moved|relocated|emigrated|immigrated|settled)(?: down| back| over| house| home)? (?:to|in) {v}
        be (?:back )?living in {v}
        have been (?:living|based) in {v}
        (?:have )?moved (?:here |over )?from .{2,40} to {v}
        (?:have )?left .{2,40} (?:for|and moved to) {v}
        have my home in {v}
        """,
        """
        (?:new )?home be (?:in )?{v}
        (?:new )?(?:home )?address be (?:now )?in {v}
        (?:current |home )city be {v}
        """,
        r"where (?:do )?i(?:'m| am)? (?:live|living|based|staying)|where am i (?:living|based)|where i(?:'m|"
        r" am) (?:living|based)|my (?:home )?address|my home(?! ?town)|my (?:current )?(?:city|town|"
        r"place of residence|residence|location)|(?:which|what) (?:city|town|country|place) (?:do )?i live in|"
        r"did i move to|i moved to",
        profile=True,
    ),
    relation(
        "work",
        "company",
        "{S} works at {v}.",
        """
        works? (?:at|for|with) {v}
        be (?:working|employed) (?:at|for|by|with) {v}
        have been working (?:at|for) {v}
        (?:have )?(?:start|starts|started|began|begun) (?:working |work )?(?:at|for) {v}
        (?:have )?(?:gets?|got|found|landed|took) (?:a|my|the) (?:new )?(?:job|position|role|post) (?:at|with) {v}
        (?:have )?(?:starts?|started|began) (?:a|my|the) (?:new )?(?:job|position|role|post) (?:at|with|for) {v}
        have a (?:new )?(?:job|position|role|post) (?:at|with) {v}
        (?:quit|left) .{2,40} and (?:joined|started(?: a new job)? at|work at|now work at) {v}
        joined {v} (?:as|last|this|in) .*
        (?:changed|switched) jobs to {v}
        """,
        """
        (?:new |current )?(?:employer|company) be {v}
        """,
        r"where (?:do )?i work|where am i working|who (?:do )?i work for|my (?:current )?(?:employer|company|"
        r"workplace|office)|(?:which|what) company (?:do )?i work (?:for|at)|employed|where(?:'s| is) my job|"
        r"place i work",
        profile=True,
    ),
    relation(
        "job",
        "job",
        "{S} works as {v}.",
        """
        works? as {v:stated_job}
        be (?:working|employed) as {v:stated_job}
        (?:have )?(?:became|become|trained as|retrained as) {v}
        have a (?:new )?job as {v:stated_job}
        earns? (?:my|a|his|her|their) living as {v}
        makes? (?:my|a|his|her|their) living as {v}
        be {v} (?:by profession|by trade)
        be {v}
        """,
        """
        (?:current |new )?(?:job|profession|occupation|trade|role) be (?:that of |being )?{v}
        """,
        r"my (?:current )?(?:job|profession|occupation|role|trade|career)|(?:do )?i do for (?:a living|work)|"
        r"(?:do )?i work as|kind of work (?:do )?i do",
        profile=True,
    ),
    relation(
        "born",
        "place",
        "{S} was born in {v}.",
        """
        was born(?: and raised| and grew up)? in {v}
        be born(?: and raised)? in {v}
        be (?:originally )?from {v} -> {S} is from {v}.
        comes? from {v} -> {S} comes from {v}.
        grew up in {v} -> {S} grew up in {v}.
        """,
        """
        (?:place of birth|birthplace|birth place) be {v}
        """,
        r"where (?:was i|i was) born|where am i from|where i(?:'m| am) from|where (?:do )?i come from|"
        r"(?:did )?i (?:grow|grew) up|my (?:place of birth|birthplace|origin)|in which city was i born",
        profile=True,
    ),
    relation(
        "birthday",
        "date",
        "{P} birthday is on {v}.",
        """
        (?:was|be) born on (?:the )?{v}
        have (?:my|his|her|their) birthday on (?:the )?{v}
        """,
        """
        birthday be (?:on )?(?:the )?{v}
        date of birth be (?:the )?{v}
        """,
        r"my birthday|my date of birth|when (?:was i|i was) born|(?:which|what) day was i born",
        profile=True,
    ),
    relation(
        "age",
        "age",
        "{S} is {v} years old.",
        """
        be {v} years? (?:old|of age)
        be {v}
        (?:have )?(?:just )?turned {v}(?: years old)?
        """,
        "age be {v}(?: years(?: old)?)?",
        r"my age|how old (?:am i|i am)|(?:do )?i turn",
        profile=True,
    ),
    relation(
        "allergy",
        "item",
        "{S} is allergic to {v}.",
        """
        be (?:\\w+ly )?allergic to {v}
        have (?:a|an) (?:\\w+ )?allergy to {v}
        have allergies to {v}
        have (?:a|an) {v} allergy
        (?:can't|cannot|can not) (?:eat|have|tolerate) {v} -> {S} cannot eat {v}.
        must (?:avoid|not eat) {v} -> {S} must avoid {v}.
        be intolerant to {v} -> {S} is intolerant to {v}.
        """,
        """
        allerg(?:y|ies) be(?: to)? {v}
        """,
        r"my allerg(?:y|ies)|i(?:'m| am) allergic|am i allergic|(?:any|an) allerg(?:y|ies)|which allergy|(?:can|"
        r"should) i not eat|i (?:can't|cannot|shouldn't) eat|must i avoid",
        single=False,
        profile=True,
    ),
    relation(
        "diet",
        "diet",
        "{S} is {v}.",
        """
        be {v}
        (?:have )?(?:became|become|gone|went|turned) {v}
        (?:have )?switched (?:from .{2,40} )?to (?:a )?{v}(?: diet)?
        eats? {v}(?: food)? -> {S} eats {v}.
        cooks? {v}(?: food)?(?: at home)? -> {S} eats {v}.
        be (?:on|following) (?:a|an|the) {v} diet -> {S} follows a {v} diet.
        follows? (?:a|an) {v} diet -> {S} follows a {v} diet.
        be eating {v} -> {S} eats {v}.
        have been {v} -> {S} is {v}.
        """,
        "diet be {v}",
        r"my diet|(?:which|what)(?: kind of)? diet|follow a diet|how (?:do )?i eat|what (?:do )?i eat|"
        r"am i (?:vegetarian|vegan)|i(?:'m| am) (?:vegetarian|vegan)",
        profile=True,
        preference=True,
    ),
    relation(
        "hobby",
        "activity",
        "{P} hobby is {v}.",
        """
        (?:enjoys?|be enjoying) {v} -> {S} enjoys {v}.
        (?:have )?(?:took|taken) up {v} -> {S} took up {v}.
        (?:have )?(?:got|gotten) into {v} -> {S} took up {v}.
        do(?:es)? {v} (?:at the weekends?|on weekends) -> {S} does {v} at the weekend.
        do(?:es)? {v} in (?:my|his|her) (?:free|spare) time -> {P} hobby is {v}.
        spends? (?:my|all my|most of my|his|her) (?:free|spare) time (?:on |doing |with )?{v} -> {P} hobby is {v}.
        """,
        """
        (?:new |favou?rite |main |only )?(?:hobby|hobbies|pastime) be {v}
        """,
        r"my (?:hobby|hobbies|pastimes?)|(?:do )?i enjoy|in my (?:free|spare) time|at the weekend",
        single=False,
        preference=True,
    ),
    relation(
        "likes",
        "liking",
        "{S} likes {v}.",
        """
        likes? {v}
        loves? {v} -> {S} loves {v}.
        adores? {v} -> {S} likes {v}.
        be (?:a )?(?:big |huge |great |massive )?fans? of {v} -> {S} is a fan of {v}.
        be (?:very |quite )?(?:fond of|keen on|into|obsessed with|crazy about|mad about) {v} -> {S} is fond of {v}.
        (?:much )?prefers? {v} -> {S} prefers {v}.
        """,
        "",
        r"(?:do )?i (?:really )?(?:like|love|prefer)(?! best| most)|i(?:'m| am) fond of|am i fond of|my likes|"
        r"my preferences|my tastes?",
        single=False,
        preference=True,
    ),
    relation(
        "dislikes",
        "liking",
        "{S} does not like {v}.",
        """
        (?:don't|do not|doesn't|does not|never) (?:really |much )?(?:like|enjoy|love|care for) {v}
        (?:hates?|dislikes?|detests?|loathes?|despises?) {v}
        (?:can't|cannot|can not) (?:stand|bear|abide) {v}
        (?:be not|be no|ain't) (?:a |an )?(?:big |huge |great )?(?:fan of|fond of|into|keen on) {v}
        """,
        "",
        r"(?:do )?i (?:really )?(?:hate|dislike|not like|don't like|do not like)|don't i like|(?:can(?:'t)? i|"
        r"i can't|i cannot) (?:not )?stand|my dislikes",
        single=False,
        preference=True,
    ),
    relation(
        "instrument",
        "instrument",
        "{S} plays the {v}.",
        """
        plays? the {v}(?: in (?:a|the|my) \\w+)?
        plays? {v:known_instrument}(?: in (?:a|the|my) \\w+)?
        can play the {v}
        can play {v:known_instrument}
        be playing (?:the )?{v:known_instrument}
        (?:have )?(?:started|began|begun) (?:to play|playing) the {v} -> {S} started playing the {v}.
        (?:have )?(?:started|began|begun) (?:to play|playing) {v:known_instrument} -> {S} started playing the {v}.
        (?:have )?(?:started|began|begun) learning (?:the )?{v:known_instrument} -> {S} started playing the {v}.
        (?:have )?(?:taken|took) up the {v} -> {S} has taken up the {v}.
        (?:have )?(?:taken|took) up {v:known_instrument} -> {S} has taken up the {v}.
        practi[sc]es? the {v}(?: every .*)? -> {S} practises the {v}.
        (?:be|have been) (?:learning|practi[sc]ing)(?: to play)? (?:the )?{v:known_instrument} -> {S} plays the {v}.
        """,
        """
        (?:musical )?instrument be (?:the )?{v}
        """,
        r"(?:which|what|an|my) (?:musical )?instruments?|what (?:do|can) i play|what i play",
        single=False,
        preference=True,
    ),
    relation(
        "learning",
        "language",
        "{S} is learning {v}.",
        """
        (?:be|have been) learning(?: how to speak| to speak)? {v}
        (?:be|have been) (?:studying|practi[sc]ing) {v:tongue}
        (?:have )?(?:started|began|begun) (?:learning|to learn) {v} -> {S} started learning {v}.
        (?:have )?(?:started|began|begun) (?:studying|to study) {v:tongue} -> {S} started learning {v}.
        learns? {v}
        stud(?:y|ies) {v:tongue}
        takes? {v} (?:lessons|classes|courses) -> {S} takes {v} lessons.
        (?:be|have been) taking {v} (?:lessons|classes) -> {S} takes {v} lessons.
        wants? to learn {v} -> {S} wants to learn {v}.
        """,
        "",
        r"(?:which|what) (?:language|lessons)|am i learning|i(?:'m| am) learning|(?:do )?i (?:want to )?learn|"
        r"languages? i(?:'m| am) (?:learning|studying)",
        single=False,
    ),
    relation(
        "studies",
        "subject",
        "{S} studies {v}.",
        """
        stud(?:y|ies) {v}
        be (?:studying|majoring in|reading for a degree in) {v}
        (?:be )?(?:a|an) (?:\\w+ )?student of {v}
        be a {v} student -> {S} studies {v}.
        majors? in {v}
        (?:have )?studied {v} -> {S} studied {v}.
        have (?:a|an|my) (?:\\w+ )?(?:degree|phd|doctorate|diploma) in {v} -> {S} has a degree in {v}.
        have (?:a|an|my) (?:master's|masters|bachelor's|bachelors) in {v} -> {S} has a degree in {v}.
        """,
        """
        (?:major|subject|degree|field of study) be (?:in )?{v}
        """,
        r"(?:do|did) i study|what i stud(?:y|ied)|am i studying|(?:which|what) subject|my (?:degree|major|studies|"
        r"field of study)|my lectures",
    ),
    relation(
        "university",
        "company",
        "{S} studies at {v}.",
        """
        stud(?:y|ies) at {v}
        be (?:studying|enrolled) at {v}
        (?:goes|go) to (?:the )?{v} (?:university|college|school) -> {S} studies at {v}.
        """,
        "",
        r"where (?:do )?i study|where am i studying|my university|my college",
    ),
    relation(
        "drives",
        "vehicle",
        "{S} drives {v}.",
        """
        drives? {v}
        be driving {v}
        (?:have )?bought {v} -> {S} bought {v}.
        (?:have )?got {v} -> {S} drives {v}.
        owns? {v} -> {S} owns {v}.
        (?:have )?sold .{2,40} and (?:bought|got) {v} -> {S} bought {v}.
        """,
        """
        (?:new )?(?:car|vehicle) be {v}
        """,
        r"(?:do )?i drive|(?:which|what)(?: kind of)? (?:car|vehicle)|my (?:new )?(?:car|vehicle)(?! (?:brand|key))",
    ),
    relation(
        "drink",
        "drink",
        "{S} drinks {v} in the morning.",
        """
        drinks? {v} in the mornings? -> {S} drinks {v} in the morning.
        drinks? {v} (?:every|each) (?:morning|day) -> {S} drinks {v} every morning.
        drinks? {v} (?:for|at|with) breakfast -> {S} drinks {v} for breakfast.
        starts? (?:the|my|every|each|his|her) (?:day|morning) with {v} -> {S} starts the day with {v}.
        drinks? {v} -> {S} drinks {v}.
        """,
        "",
        r"(?:do )?i (?:usually )?drink|(?:do )?i start the day with|my (?:morning )?(?:drink|beverage)",
        preference=True,
    ),
    relation(
        "trip",
        "destination",
        "{S} is travelling to {v}.",
        """
        be (?:travell?ing|flying|heading|off|going|driving)(?: back)? to {v}(?: on (?:holiday|vacation|a trip))?
        be (?:travell?ing|flying|heading|off|going|driving)(?: back)? to {v} for (?:a |the )?\\w+
        be going on (?:a )?(?:holiday|vacation|trip) to {v}
        (?:have )?booked (?:a|my|our) (?:trip|flight|holiday|vacation) (?:to|in) {v} -> {S} booked a trip to {v}.
        plans? (?:a|my|our) (?:trip|holiday|vacation) (?:to|in) {v} -> {S} plans a trip to {v}.
        be planning (?:a|my|our) (?:trip|holiday|vacation) (?:to|in) {v} -> {S} plans a trip to {v}.
        """,
        """
        next (?:trip|holiday|vacation|destination) be (?:to |in )?{v}
        """,
        r"(?:am i|i(?:'m| am)) (?:travell?ing|flying|going)|my (?:next )?(?:trip|holiday|vacation|destination|"
        r"flight|travel plans)|what trip",
        event=True,
    ),
    relation(
        "children",
        "count",
        "{S} has {v} children.",
        """
        have {v} (?:\\w+ )?(?:children|kids)(?:,? and .*)?
        be (?:a|the) (?:proud )?(?:parent|mother|father|mum|mom|dad) (?:of|to) {v}(?: children| kids)?
        be raising {v} (?:children|kids)
        """,
        "",
        r"how many (?:children|kids)|my (?:children|kids)|(?:any |have )(?:children|kids)",
        profile=True,
    ),
    relation(
        "speaks",
        "tongue",
        "{S} speaks {v}.",
        """
        (?:can )?speaks? {v}(?: fluently| at home)?
        be fluent in {v}
        """,
        """
        (?:native|first|mother) (?:language|tongue) be {v} -> {P} first language is {v}.
        """,
        r"(?:do|can) i speak|(?:which|what) languages i speak|languages i speak|my (?:native|mother) tongue",
        single=False,
    ),
    relation(
        "reading",
        "title",
        "{S} is reading {v}.",
        """
        be (?:currently |halfway through )?reading {v}
        be halfway through {v}
        (?:have )?(?:started|begun)(?: reading)? {v}
        (?:have )?(?:finished|abandoned) .{2,60} and started {v}
        """,
        """
        current book be {v}
        """,
        r"(?:which|what) (?:book|novel) am i reading|am i reading|i(?:'m| am) reading|my (?:current )?book",
        preference=True,
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

BY_ATTRIBUTE = {one.attribute: one for one in RELATIONS}
