"""The second half of the relation table: what somebody likes, avoids, does and has.

Law: ``memory/rules/relations.py``.
"""

from memory.rules.relation import Relation, relation

TASTES: tuple[Relation, ...] = (
    relation(
        "allergy",
        "item",
        "{S} is allergic to {v}.",
        """
        (?:be|have been) (?:\\w+ly )?allergic to {v}
        have (?:a|an) (?:\\w+ )?(?:allergy|allergic reaction) to {v}
        suffers? from (?:a|an) (?:\\w+ )?allergy to {v}
        have allergies to {v}
        have (?:a|an) {v} allergy
        (?:can't|cannot|can not) (?:eat|have|tolerate) {v} -> {S} cannot eat {v}.
        (?:shouldn't|should not|must not|mustn't) eat {v} -> {S} should not eat {v}.
        must avoid {v} -> {S} must avoid {v}.
        be intolerant to {v} -> {S} is intolerant to {v}.
        """,
        """
        allerg(?:y|ies) be(?: to)? {v}
        """,
        r"my allerg(?:y|ies)|i(?:'m| am) allergic|am i (?:allergic|intolerant)|(?:any|an) allerg(?:y|ies)|"
        r"which allergy|"
        r"(?:can|should) i not eat|i (?:can't|cannot|shouldn't|should not|must not) eat|(?:can't|shouldn't) i eat|"
        r"(?:must|should) i (?:avoid|not eat)|i must avoid|allergies (?:do )?i have|i react badly",
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
        eats? {v}(?: food| meals)?(?: at home)? -> {S} eats {v}.
        cooks? {v}(?: food| meals)?(?: at home)? -> {S} eats {v}.
        (?:be|have been) (?:on|following) (?:a|an|the) {v} diet -> {S} follows a {v} diet.
        (?:follows?|keeps? to) (?:a|an) {v} diet -> {S} follows a {v} diet.
        be eating {v} -> {S} eats {v}.
        have been {v} -> {S} is {v}.
        """,
        "diet be {v}",
        r"my diet|(?:which|what)(?: kind of)? (?:diet|food (?:do )?i eat)|follow a diet|how (?:do )?i eat|"
        r"what (?:do )?i eat|am i (?:vegetarian|vegan|on a)|i(?:'m| am) (?:vegetarian|vegan)|diet (?:do )?i"
        r" (?:follow|keep)",
        profile=True,
        preference=True,
    ),
    relation(
        "hobby",
        "activity",
        "{P} hobby is {v}.",
        """
        (?:have )?(?:took|taken) up {v} as a hobby -> {S} took up {v}.
        have {v} as a hobby -> {P} hobby is {v}.
        (?:enjoys?|be enjoying) {v} -> {S} enjoys {v}.
        (?:have )?(?:took|taken) up {v} -> {S} took up {v}.
        (?:have )?(?:got|gotten) into {v} -> {S} took up {v}.
        do(?:es)? {v:pursuit} (?:at the weekends?|on weekends) -> {S} does {v} at the weekend.
        do(?:es)? {v:pursuit} (?:for fun|in the evenings?|after work|to relax) -> {P} hobby is {v}.
        do(?:es)? {v:pursuit} in (?:my|his|her|their) (?:free|spare) time -> {P} hobby is {v}.
        spends? (?:my|all my|most of my|a lot of) (?:free|spare) time (?:on |doing |with )?{v} -> {P} hobby is {v}.
        spends? (?:his|her|their) (?:free|spare) time (?:on |doing |with )?{v} -> {P} hobby is {v}.
        spends? (?:my|all my|most of my|his|her|the) (?:weekends|evenings) (?:on|doing) {v} -> {P} hobby is {v}.
        """,
        """
        (?:new |main |only )?(?:hobby|hobbies|pastime) be {v}
        """,
        r"my (?:\w+ )?(?:hobby|hobbies|pastimes?)|(?:do )?i enjoy|in my (?:free|spare) time|"
        r"i do (?:at the weekend|on weekends|after work|for fun|to relax)|spend my (?:free|spare) time|"
        r"(?:which|what) (?:hobby|hobbies|pastime)",
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
        have (?:always )?(?:liked|loved|adored) {v}
        have come to (?:like|love) {v}
        have a (?:liking|weakness|soft spot) for {v}
        (?:can't|cannot|can not) get enough of {v}
        be (?:a )?(?:big |huge |great |massive )?fans? of {v} -> {S} is a fan of {v}.
        be (?:very |quite )?(?:fond of|keen on|into|obsessed with|crazy about|mad about) {v} -> {S} is fond of {v}.
        (?:much )?prefers? {v}(?:(?<! due) (?:to|over) .+)? -> {S} prefers {v}.
        """,
        "",
        r"(?<!n't )(?:do )?i (?:really |also )?(?:like|love|adore|prefer)(?! best| most| to be called)|"
        r"i(?:'m| am) (?:a fan|fond|into|keen)|am i (?:a fan|fond|into|keen|crazy)|my likes|my preferences|my tastes?",
        single=False,
        preference=True,
    ),
    relation(
        "dislikes",
        "liking",
        "{S} does not like {v}.",
        """
        (?:don't|do not|doesn't|does not|never) (?:really |much )?(?:like|liked|enjoy|love|care for) {v}
        (?:hates?|dislikes?|detests?|loathes?|despises?) {v}
        have (?:always )?(?:hated|disliked|detested) {v}
        have an aversion to {v}
        (?:can't|cannot|can not) (?:stand|bear|abide) {v}
        (?:be not|be no|ain't) (?:a |an )?(?:big |huge |great )?(?:fan of|fond of|into|keen on) {v}
        """,
        "",
        r"(?:do )?i (?:really )?(?:hate|dislike|detest|loathe|not (?:really )?like|don't (?:really )?like|do not like|"
        r"not care for)|don't i like|(?:can(?:'t)? i|i can't|i cannot) (?:not )?(?:stand|bear)|my dislikes|"
        r"(?:am i|i(?:'m| am)) (?:not|no) (?:a )?(?:fan|fond|keen)",
        single=False,
        preference=True,
    ),
    relation(
        "instrument",
        "instrument",
        "{S} plays the {v}.",
        """
        plays? the {v}(?: in (?:a|an|the|my) \\w+| (?:quite |very |rather )?well| badly)?
        plays? {v:known_instrument}(?: in (?:a|an|the|my) \\w+)?
        can play the {v}
        can play {v:known_instrument}
        have (?:been playing|played) the {v} (?:for|since) .+
        be playing (?:the )?{v:known_instrument}
        (?:knows? how|be learning) to play the {v}
        makes? music on the {v}
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
        r"(?:which|what|an|my) (?:musical )?instruments?|what (?:do|can) i play|what i (?:can )?play|i make music on",
        single=False,
        preference=True,
    ),
    relation(
        "drives",
        "vehicle",
        "{S} drives {v}.",
        """
        drives? {v}(?: to (?:work|school|the office)(?: .+)?)?
        be driving {v}
        gets? around in {v:known_vehicle}
        be the (?:proud |new )?owner of {v:known_vehicle} -> {S} owns {v}.
        (?:have )?bought {v:known_vehicle} -> {S} bought {v}.
        (?:have )?got {v:known_vehicle} -> {S} drives {v}.
        owns? {v:known_vehicle} -> {S} owns {v}.
        (?:have )?(?:sold|traded) .{2,40} (?:and (?:bought|got)|for) {v:known_vehicle} -> {S} bought {v}.
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
        drinks? {v} (?:for|at|with) (?:my |his |her )?breakfast -> {S} drinks {v} for breakfast.
        drinks? {v} after getting up -> {S} drinks {v} after getting up.
        (?:have )?started drinking {v} in the mornings? -> {S} drinks {v} in the morning.
        (?:have )?switched to {v} for (?:my|his|her) morning drink -> {S} drinks {v} in the morning.
        have (?:a|one) (?:cup|glass|mug) of {v} (?:in the|every|each) mornings? -> {S} drinks {v} in the morning.
        needs? (?:(?:a|one|my|his|her) (?:cup|glass|mug) of )?{v:dawn} to wake up -> {S} needs {v} to wake up.
        (?:starts?|begins?) (?:the|my|every|each|his|her) (?:day|morning) with {v:dawn} -> {S} starts the day with {v}.
        drinks? {v} -> {S} drinks {v}.
        """,
        """
        (?:morning|breakfast) (?:drink|beverage) be {v}
        day starts with (?:a|my) (?:cup|glass|mug) of {v} -> {S} starts the day with {v}.
        """,
        r"(?:do )?i (?:usually |always )?drink|(?:do )?i (?:start|begin) (?:the|my|every) (?:day|morning) with|"
        r"my (?:morning |breakfast )?(?:drink|beverage)|(?:which|what) morning (?:drink|beverage)|do i need to wake up",
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
        be taking (?:the|a) (?:train|bus|coach|ferry|plane|night train) to {v}
        (?:'ll|will) (?:travel|fly|go on holiday|go on vacation) to {v}
        (?:'ll|will) spend (?:the|my|his|her) holidays? in {v}
        (?:have )?booked (?:a|my|our) (?:trip|flight|holiday|vacation) (?:to|in) {v} -> {S} booked a trip to {v}.
        plans? (?:a|my|our) (?:trip|holiday|vacation) (?:to|in) {v} -> {S} plans a trip to {v}.
        be planning (?:a|my|our) (?:trip|holiday|vacation) (?:to|in) {v} -> {S} plans a trip to {v}.
        """,
        """
        next (?:trip|holiday|vacation|destination) be (?:to |in )?{v}
        flight (?:be|goes) to {v}
        """,
        r"(?:am i|i(?:'m| am)) (?:travell?ing|flying|going|heading|off)|my (?:next )?(?:trip|holiday|vacation|"
        r"destination|"
        r"flight(?! number)|travel plans)|(?:what|which) trip|(?:which|what) (?:trip|holiday|flight|city|place)"
        r" (?:did|have) i"
        r" book(?:ed)?|where (?:will i|i will) (?:travel|fly|go)",
        event=True,
    ),
    relation(
        "reading",
        "title",
        "{S} is reading {v}.",
        """
        be (?:currently |halfway through )?reading (?:(?:the|a) (?:book|novel) (?:called |named )?)?{v}
        be (?:halfway through|in the middle of) the (?:book|novel) {v}
        be halfway through {v}
        have been reading {v}
        (?:have )?(?:started|begun) (?:reading |to read |the book |the novel )?{v}
        (?:have )?(?:finished|abandoned) .{2,60} and started {v}
        """,
        """
        current book be {v}
        """,
        r"(?:which|what) (?:book|novel) (?:do i read|i read)|am i reading|i(?:'m| am) reading|my (?:current )?book|"
        r"(?:do )?i read (?:before bed|at the moment|now)",
        preference=True,
    ),
)
