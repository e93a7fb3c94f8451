"""Phrasings in, the forms of facts about what belongs to somebody out: car, trip, pets, people, favourites, attributes.

Law: "called" asks for a name and answers with "is called"; whatever else follows "my" answers with "is".
"""

from adapters.embedded.corpus.relation import Phrasings, forms

# A named thing ("My boat is called Aurora.") needs no forms of its own: it reads like a pet of an unknown kind.
THINGS: tuple[Phrasings, ...] = (
    Phrasings(
        id="drives",
        value="car",
        answer="You drive {v}.",
        answer_third="{n} drives {v}.",
        stored=forms(
            """
            {S} drives {v}.
            {S} bought {v}.
            {S} owns {v}.
            {S} now drives {v}.
            {S} is driving {v}.
            {S} has bought {v}.
            {S} usually drives {v}.
            {S} drives {v} to work.
            {S} gets around in {v}.
            {S} recently bought {v}.
            {S} has {v} as a car.
            {S} is the owner of {v}.
            {S} uses {v} to get around.
            {P} car is {v}.
            {P} new car is {v}.
            {P} vehicle is {v}.
            {S} traded the old car for {v}.
            """
        ),
        told=forms(
            """
            I drive {v}.
            I'm driving {v}.
            I am driving {v} now.
            I now drive {v}.
            I bought {v}.
            I just bought {v}.
            I've bought {v}.
            I have just bought {v}.
            I recently got {v}.
            I own {v}.
            We own {v}.
            We drive {v} these days.
            My car is {v}.
            My new car is {v}.
            My vehicle is {v}.
            The car I drive is {v}.
            I sold my old car and bought {v}.
            I drive {v} to work every day.
            I get around in {v}.
            I am the proud owner of {v}.
            Hi, I bought {v} yesterday.
            Hello, I drive {v} now.
            The car in front of my house is {v}.
            My car, by the way, is {v}.
            """
        ),
        asked=forms(
            """
            What do I drive?
            What car do I drive?
            Which car do I drive?
            What do I drive now?
            What am I driving?
            What am I currently driving?
            What car do I have?
            Which car do I have?
            What car do I own?
            Which vehicle do I own?
            What vehicle do I drive?
            What kind of car do I drive?
            What kind of car do I have?
            What sort of car is mine?
            What type of vehicle do I drive?
            Which car is mine?
            What is my car?
            What's my car?
            What's my car again?
            What is my new car?
            What is my vehicle?
            My car?
            Do I have a car?
            Do I own a car?
            Do I drive a car?
            Which car did I buy?
            What car did I buy?
            What kind of car did I buy?
            Any idea what I drive?
            Any idea which car I have?
            I forgot which car I drive.
            Remind me what car I drive.
            Remind me which car I own.
            Can you name the car I drive?
            Describe my car.
            In what car do I drive to work?
            What do I get around in?
            With which car do I go to work?
            What did I say I drive?
            """
        ),
        asked_third=forms(
            """
            What does {n} drive?
            What car does {n} drive?
            Which car does {n} drive?
            What car does {n} have?
            Which vehicle does {n} own?
            What kind of car does {n} have?
            What sort of car does {n} drive?
            What is {n}'s car?
            What's {n}'s car?
            What is {n} driving?
            Does {n} have a car?
            Does {n} own a car?
            Which car did {n} buy?
            What vehicle does {n} drive now?
            Any idea what {n} drives?
            Remind me what {n} drives.
            """
        ),
        named=forms(
            """
            what I drive
            which car I drive
            what car I have
            which car I own
            what my car is
            what kind of car I drive
            my car
            my vehicle
            which vehicle I drive
            the car I drive
            which car I bought
            """
        ),
        named_third=forms(
            """
            what {n} drives
            which car {n} drives
            what car {n} has
            what kind of car {n} has
            {n}'s car
            the car {n} drives
            """
        ),
    ),
    Phrasings(
        id="trip",
        value="city",
        answer="Your next trip is to {v}.",
        answer_third="{n}'s next trip is to {v}.",
        stored=forms(
            """
            {S} is travelling to {v}.
            {S} booked a trip to {v}.
            {S} plans a trip to {v}.
            {S} is going to {v} on holiday.
            {S} is flying to {v}.
            {S} will travel to {v}.
            {S} is heading to {v}.
            {S} is off to {v} next week.
            {S} is planning a holiday in {v}.
            {S} has booked a flight to {v}.
            {S} has tickets to {v}.
            {S} is going on a trip to {v}.
            {S} will spend the holidays in {v}.
            {S} is taking the train to {v}.
            {P} next trip is to {v}.
            {P} next holiday is in {v}.
            {P} next destination is {v}.
            {P} flight goes to {v}.
            """
        ),
        told=forms(
            """
            I am travelling to {v}.
            I'm travelling to {v} next week.
            I'm going to {v} on holiday.
            I am going to {v} for a week.
            I'm flying to {v} tomorrow.
            I am flying to {v}.
            I'm heading to {v} on Friday.
            I'm off to {v}.
            I booked a trip to {v}.
            I've booked a flight to {v}.
            I have just booked a holiday in {v}.
            I'm planning a trip to {v}.
            I am planning a holiday in {v}.
            I plan a trip to {v}.
            I will travel to {v} soon.
            I've got tickets to {v}.
            We are going to {v} this summer.
            We booked a holiday in {v}.
            We're going on a trip to {v}.
            My next trip is to {v}.
            My next holiday is in {v}.
            My next destination is {v}.
            My flight goes to {v}.
            Next month I'm travelling to {v}.
            Hi, I'm going on holiday to {v}.
            Hello, I booked a flight to {v}.
            I'm taking the train to {v} next weekend.
            """
        ),
        asked=forms(
            """
            Where am I travelling?
            Where am I travelling to?
            Where am I travelling next?
            Where am I going?
            Where am I going on holiday?
            Where am I going next?
            Where am I off to?
            Where am I heading?
            Where am I flying?
            Where am I flying to?
            To which city am I flying?
            To which city am I travelling?
            Which city am I travelling to?
            What city am I going to?
            Where is my next trip?
            Where's my next holiday?
            Where does my next trip go?
            Where does my flight go?
            Where will I spend my holidays?
            Where will I travel to?
            What is my next destination?
            What's my travel destination?
            What is the destination of my trip?
            My next destination?
            Which trip did I book?
            What trip am I planning?
            What trip did I plan?
            Where did I book a trip to?
            Where did I book a flight to?
            For which city do I have tickets?
            Do I have any travel plans?
            Am I going anywhere?
            Do I have a trip planned?
            What are my travel plans?
            What are my holiday plans?
            Any idea where I'm going on holiday?
            I forgot where I am travelling to.
            Remind me where I am flying to.
            Can you name the place I am travelling to?
            Where am I going on holiday again?
            What did I say about my next trip?
            """
        ),
        asked_third=forms(
            """
            Where is {n} travelling?
            Where is {n} travelling to?
            Where is {n} going?
            Where is {n} going on holiday?
            Where is {n} flying to?
            Where is {n} heading?
            Which city is {n} travelling to?
            To which city is {n} flying?
            Where is {n}'s next trip?
            What is {n}'s next destination?
            Where will {n} spend the holidays?
            Which trip did {n} book?
            Does {n} have any travel plans?
            What are {n}'s travel plans?
            Any idea where {n} is travelling?
            Remind me where {n} is going.
            """
        ),
        named=forms(
            """
            where I am travelling
            where I am travelling to
            where I am going
            where I am going on holiday
            where I am flying to
            which city I am travelling to
            where my next trip is
            my next destination
            my travel plans
            my next trip
            the destination of my trip
            which trip I booked
            """
        ),
        named_third=forms(
            """
            where {n} is travelling
            where {n} is going
            where {n} is flying to
            {n}'s next destination
            {n}'s travel plans
            which city {n} is travelling to
            """
        ),
    ),
    Phrasings(
        id="pet",
        value="pet",
        x="animal",
        weight=3,
        answer="Your {x} is called {v}.",
        answer_third="{n}'s {x} is called {v}.",
        stored=forms(
            """
            {P} {x} is called {v}.
            {P} {x}'s name is {v}.
            {S} has a {x} called {v}.
            {S} has a {x} named {v}.
            {P} {x} is named {v}.
            {P} new {x} is called {v}.
            {P} little {x} is called {v}.
            {P} {x} answers to the name {v}.
            {P} {x} goes by {v}.
            {P} pet {x} is called {v}.
            {S} owns a {x} called {v}.
            {S} owns a {x} named {v}.
            {S} keeps a {x} called {v}.
            {S} got a new {x} called {v}.
            {S} got a {x} named {v}.
            {S} adopted a {x} called {v}.
            {S} bought a {x} and named it {v}.
            {S} has a {x} whose name is {v}.
            {S} calls the {x} {v}.
            {S} named the {x} {v}.
            ~{P} {x} is {v}.
            """
        ),
        told=forms(
            """
            My {x} is called {v}.
            My {x} is named {v}.
            My {x}'s name is {v}.
            My {x}'s called {v}.
            Our {x} is called {v}.
            My new {x} is called {v}.
            The name of my {x} is {v}.
            I have a {x} called {v}.
            I have a {x} named {v}.
            I've got a {x} called {v}.
            I own a {x} named {v}.
            We have a {x} called {v}.
            We've got a {x} named {v}.
            I got a new {x} called {v}.
            I adopted a {x} named {v}.
            We adopted a {x} and called it {v}.
            I bought a {x} and named it {v}.
            I named my {x} {v}.
            I call my {x} {v}.
            I have a {x} and its name is {v}.
            I have a {x} whose name is {v}.
            My {x} answers to the name {v}.
            My {x} goes by {v}.
            Hi, I have a {x} called {v}.
            Hello, my {x} is called {v}.
            My {x}, by the way, is called {v}.
            There is a {x} in my house called {v}.
            ~My {x} is {v}.
            ~This is my {x} {v}.
            """
        ),
        asked=forms(
            """
            What is my {x} called?
            What's my {x} called?
            How is my {x} called?
            What is my {x}'s name?
            What's my {x}'s name?
            What is the name of my {x}?
            What's the name of my {x}?
            Which name does my {x} have?
            What name does my {x} have?
            What name did I give my {x}?
            Which name did I give to my {x}?
            What did I call my {x}?
            What did I name my {x}?
            How did I name my {x}?
            What do I call my {x}?
            What is my {x} named?
            What is my {x} called again?
            What's my {x} called now?
            What was my {x}'s name?
            What was my {x} called?
            My {x}'s name?
            The name of my {x}?
            Say the name of my {x}.
            Can you name my {x}?
            Name my {x}.
            ~Do I have a {x}?
            ~Have I got a {x}?
            To which name does my {x} answer?
            To what name does my {x} listen?
            By what name does my {x} go?
            Any idea what my {x} is called?
            I forgot what my {x} is called.
            I forgot my {x}'s name.
            Remind me what my {x} is called.
            Remind me of my {x}'s name.
            What is our {x} called?
            What did I say my {x} is called?
            ~Who is my {x}?
            """
        ),
        asked_third=forms(
            """
            What is {n}'s {x} called?
            What's {n}'s {x} called?
            How is {n}'s {x} called?
            What is {n}'s {x}'s name?
            What's {n}'s {x}'s name?
            What is the name of {n}'s {x}?
            Which name does {n}'s {x} have?
            What does {n} call the {x}?
            What did {n} name the {x}?
            What is {n}'s {x} named?
            ~Does {n} have a {x}?
            Can you name {n}'s {x}?
            Any idea what {n}'s {x} is called?
            Remind me what {n}'s {x} is called.
            To which name does {n}'s {x} answer?
            """
        ),
        named=forms(
            """
            what my {x} is called
            what my {x}'s name is
            how my {x} is called
            the name of my {x}
            my {x}'s name
            which name my {x} has
            what I call my {x}
            what I named my {x}
            what the name of my {x} is
            which name I gave my {x}
            """
        ),
        named_third=forms(
            """
            what {n}'s {x} is called
            the name of {n}'s {x}
            {n}'s {x}'s name
            what {n}'s {x}'s name is
            which name {n}'s {x} has
            """
        ),
    ),
    Phrasings(
        id="rel",
        value="name",
        x="relative",
        weight=3,
        answer="Your {x} is called {v}.",
        answer_third="{n}'s {x} is called {v}.",
        stored=forms(
            """
            {P} {x} is called {v}.
            {P} {x}'s name is {v}.
            {S} has a {x} called {v}.
            {P} {x} is named {v}.
            {P} new {x} is called {v}.
            {P} {x} is now called {v}.
            {P} {x} goes by {v}.
            {P} {x} goes by the name {v}.
            {P} {x} goes by the name of {v}.
            {P} {x} is known as {v}.
            {P} {x} has the name {v}.
            {P} {x} is a person called {v}.
            {S} has a {x} named {v}.
            {S} has a {x} whose name is {v}.
            {S} has a {x} who is called {v}.
            {S} has a new {x} called {v}.
            {S} calls the {x} {v}.
            ~{P} {x} is {v}.
            """
        ),
        told=forms(
            """
            My {x} is called {v}.
            My {x} is named {v}.
            My {x}'s name is {v}.
            My {x}'s called {v}.
            Our {x} is called {v}.
            My new {x} is called {v}.
            My new {x}'s name is {v}.
            The name of my {x} is {v}.
            The name of our {x} is {v}.
            I have a {x} called {v}.
            I have a {x} named {v}.
            I've got a {x} called {v}.
            We have a {x} called {v}.
            I have a new {x} called {v}.
            I have a {x} whose name is {v}.
            I have a {x} and the name is {v}.
            I call my {x} {v}.
            My {x} goes by {v}.
            My {x} goes by the name {v}.
            Everybody calls my {x} {v}.
            People call my {x} {v}.
            My {x} has the name {v}.
            Hi, my {x} is called {v}.
            Hello, I have a {x} called {v}.
            My {x}, by the way, is called {v}.
            The person called {v} is my {x}.
            ~My {x} is {v}.
            ~My new {x} is {v}.
            ~This is about my {x} {v}.
            """
        ),
        asked=forms(
            """
            What is my {x} called?
            What's my {x} called?
            How is my {x} called?
            What is my {x}'s name?
            What's my {x}'s name?
            What is the name of my {x}?
            What's the name of my {x}?
            Who is my {x}?
            Who's my {x}?
            Who is my {x} again?
            Who is my {x} now?
            Who is my current {x}?
            Who was my {x}?
            Which name does my {x} have?
            What name does my {x} have?
            What is my {x} named?
            What is my {x} called again?
            What was my {x}'s name?
            What was my {x} called?
            What is my {x}'s first name?
            What do I call my {x}?
            What do people call my {x}?
            My {x}'s name?
            The name of my {x}?
            Say the name of my {x}.
            Can you name my {x}?
            Name my {x}.
            ~Do I have a {x}?
            ~Have I got a {x}?
            By what name does my {x} go?
            Under which name do you know my {x}?
            Any idea what my {x} is called?
            Any idea who my {x} is?
            I forgot what my {x} is called.
            I forgot my {x}'s name.
            Remind me what my {x} is called.
            Remind me who my {x} is.
            What is our {x} called?
            Who did I say my {x} is?
            Which person is my {x}?
            """
        ),
        asked_third=forms(
            """
            Who is {n}'s {x}?
            Who's {n}'s {x}?
            What is {n}'s {x} called?
            What's {n}'s {x} called?
            How is {n}'s {x} called?
            What is {n}'s {x}'s name?
            What's {n}'s {x}'s name?
            What is the name of {n}'s {x}?
            Which name does {n}'s {x} have?
            What is {n}'s {x} named?
            ~Does {n} have a {x}?
            Can you name {n}'s {x}?
            Any idea who {n}'s {x} is?
            Any idea what {n}'s {x} is called?
            Remind me who {n}'s {x} is.
            By what name does {n}'s {x} go?
            """
        ),
        named=forms(
            """
            what my {x} is called
            what my {x}'s name is
            how my {x} is called
            who my {x} is
            the name of my {x}
            my {x}'s name
            which name my {x} has
            what I call my {x}
            what the name of my {x} is
            which person my {x} is
            """
        ),
        named_third=forms(
            """
            who {n}'s {x} is
            what {n}'s {x} is called
            the name of {n}'s {x}
            {n}'s {x}'s name
            what {n}'s {x}'s name is
            """
        ),
    ),
    Phrasings(
        id="fav",
        value="fav",
        x="fav",
        weight=6,
        answer="Your favourite {x} is {v}.",
        answer_third="{n}'s favourite {x} is {v}.",
        stored=forms(
            """
            {P} favourite {x} is {v}.
            {P} favourite {x} are {v}.
            {P} favourite {x} is now {v}.
            {P} favourite {x} is still {v}.
            {P} new favourite {x} is {v}.
            {P} all-time favourite {x} is {v}.
            {P} absolute favourite {x} is {v}.
            {P} favourite {x} has always been {v}.
            {P} favourite {x} has changed to {v}.
            {P} preferred {x} is {v}.
            {P} {x} of choice is {v}.
            {P} most loved {x} is {v}.
            {S} likes the {x} {v} best.
            {S} likes the {x} {v} most.
            {S} prefers the {x} {v}.
            {S} likes {v} more than any other {x}.
            {S} prefers {v} to any other {x}.
            {S} named {v} as favourite {x}.
            {S} has {v} as favourite {x}.
            {S} thinks that {v} is the best {x}.
            {S} considers {v} the best {x} of all.
            """
        ),
        told=forms(
            """
            My favourite {x} is {v}.
            My favourite {x} are {v}.
            My favourite {x}'s {v}.
            My favourite {x} is {v} now.
            My favourite {x} is now {v}.
            My favourite {x} is still {v}.
            My favourite {x} is definitely {v}.
            My favourite {x} is probably {v}.
            My favourite {x} of all time is {v}.
            My new favourite {x} is {v}.
            My all-time favourite {x} is {v}.
            My absolute favourite {x} is {v}.
            My favourite {x} has always been {v}.
            My favourite {x} has changed to {v}.
            My favourite {x} used to be different, but now it's {v}.
            My preferred {x} is {v}.
            Our favourite {x} is {v}.
            The {x} I like best is {v}.
            The {x} I like the most is {v}.
            The {x} I prefer is {v}.
            The {x} I love most is {v}.
            The best {x} for me is {v}.
            I like the {x} {v} best.
            I like {v} more than any other {x}.
            I prefer {v} to any other {x}.
            I think {v} is the best {x}.
            I have a favourite {x}, it's {v}.
            I have a new favourite {x}: {v}.
            I changed my mind, my favourite {x} is {v}.
            If I had to choose a {x}, it would be {v}.
            Of all things, {v} is my favourite {x}.
            Hi, my favourite {x} is {v}.
            Hello, my favourite {x} is {v}.
            When it comes to my favourite {x}, it is {v}.
            """
        ),
        asked=forms(
            """
            What is my favourite {x}?
            What's my favourite {x}?
            What is my favourite {x} now?
            What is my favourite {x} currently?
            What's my favourite {x} again?
            What was my favourite {x}?
            What is my new favourite {x}?
            What are my favourite {x}?
            What {x} is my favourite?
            Which {x} is my favourite?
            Which is my favourite {x}?
            Which {x} do I like best?
            Which {x} do I like most?
            Which {x} do I like the most?
            What {x} do I like best?
            What {x} do I like most?
            What {x} do I prefer?
            Which {x} do I prefer?
            Which {x} do I love most?
            What {x} do I love the most?
            Which {x} do I enjoy most?
            Which {x} would I choose?
            What {x} would I pick?
            What is my preferred {x}?
            What's my all-time favourite {x}?
            What is the {x} I like best?
            What's the best {x} for me?
            In my opinion, which {x} is the best?
            My favourite {x}?
            And my favourite {x}?
            Do I have a favourite {x}?
            Have I got a favourite {x}?
            Is there a {x} that I like best?
            Can you name my favourite {x}?
            Name my favourite {x}.
            Say my favourite {x}.
            Guess my favourite {x}.
            Any idea what my favourite {x} is?
            Any idea which {x} I like best?
            I forgot my favourite {x}.
            I forgot which {x} I like best.
            Remind me of my favourite {x}.
            Remind me which {x} I prefer.
            What did I say my favourite {x} is?
            Which {x} did I say I like best?
            What would you say is my favourite {x}?
            Of which {x} am I the biggest fan?
            """
        ),
        asked_third=forms(
            """
            What is {n}'s favourite {x}?
            What's {n}'s favourite {x}?
            What is {n}'s favourite {x} now?
            Which {x} is {n}'s favourite?
            Which {x} does {n} like best?
            Which {x} does {n} like most?
            What {x} does {n} like best?
            What {x} does {n} prefer?
            Which {x} does {n} prefer?
            Which {x} does {n} love the most?
            What {x} does {n} like the most?
            What is the {x} that {n} likes best?
            Does {n} have a favourite {x}?
            Can you name {n}'s favourite {x}?
            Any idea what {n}'s favourite {x} is?
            Remind me of {n}'s favourite {x}.
            """
        ),
        named=forms(
            """
            my favourite {x}
            what my favourite {x} is
            which {x} I like best
            which {x} I like most
            what {x} I like best
            what {x} I prefer
            which {x} I prefer
            which {x} is my favourite
            which {x} I love most
            the {x} I like best
            my preferred {x}
            my all-time favourite {x}
            """
        ),
        named_third=forms(
            """
            {n}'s favourite {x}
            what {n}'s favourite {x} is
            which {x} {n} likes best
            which {x} {n} likes most
            what {x} {n} prefers
            which {x} is {n}'s favourite
            """
        ),
    ),
    Phrasings(
        id="attr",
        value="any",
        x="attr",
        weight=7,
        answer="Your {x} is {v}.",
        answer_third="{n}'s {x} is {v}.",
        stored=forms(
            """
            {P} {x} is {v}.
            {P} {x} are {v}.
            {P} {x} is on {v}.
            {P} {x} is at {v}.
            {P} {x} is in {v}.
            {P} {x} is due {v}.
            {P} {x} is due at {v}.
            {P} {x} is due on {v}.
            {P} {x} is now {v}.
            {P} {x} is still {v}.
            {P} {x} is currently {v}.
            {P} {x} has changed to {v}.
            {P} {x} was changed to {v}.
            {P} {x} has been set to {v}.
            {P} {x}: {v}.
            {P} new {x} is {v}.
            {P} current {x} is {v}.
            {P} own {x} is {v}.
            {S} has the {x} {v}.
            {S} has {v} as {x}.
            {S} uses {v} as {x}.
            {S} uses the {x} {v}.
            {S} changed the {x} to {v}.
            {S} set the {x} to {v}.
            {S} has a new {x}: {v}.
            {S} gave {v} as {x}.
            """
        ),
        told=forms(
            """
            My {x} is {v}.
            My {x} are {v}.
            My {x} is now {v}.
            My {x} is {v} now.
            My {x} is still {v}.
            My {x} is currently {v}.
            My {x} is on {v}.
            My {x} is at {v}.
            My {x} is due on {v}.
            My {x} will be {v}.
            My {x} has changed to {v}.
            My {x} changed to {v}.
            My {x}: {v}.
            My new {x} is {v}.
            My current {x} is {v}.
            My own {x} is {v}.
            Our {x} is {v}.
            I have the {x} {v}.
            I've got the {x} {v}.
            I have a new {x}: {v}.
            I've got a new {x}, it is {v}.
            I got a new {x} and it's {v}.
            I changed my {x} to {v}.
            I've changed my {x} to {v}.
            I have set my {x} to {v}.
            I use {v} as my {x}.
            As my {x} I use {v}.
            The {x} I have is {v}.
            The {x} I use is {v}.
            The new {x} I got is {v}.
            As for my {x}, it is {v}.
            If anybody asks, my {x} is {v}.
            My {x}, by the way, is {v}.
            Hi, my {x} is {v}.
            Hello, my new {x} is {v}.
            Please save my {x}: {v}.
            Please write down my {x}, it is {v}.
            ~The {x} is {v}.
            """
        ),
        asked=forms(
            """
            What is my {x}?
            What's my {x}?
            What is my {x} now?
            What is my {x} currently?
            What's my {x} again?
            What was my {x}?
            What was my {x} again?
            What is my new {x}?
            What's my current {x}?
            What are my {x}?
            Which {x} do I have?
            What {x} do I have?
            Which {x} have I got?
            Which {x} do I use?
            What {x} do I use?
            Which {x} is mine?
            What do I have as my {x}?
            What do I use as my {x}?
            What is the {x} I use?
            When is my {x}?
            When's my {x}?
            My {x}?
            My {x}, please.
            And my {x}?
            Give me my {x}.
            Please give me my {x}.
            Look up my {x}.
            Can you look up my {x}?
            Find my {x}.
            Show me my {x}.
            Say my {x}.
            Read out my {x}.
            Can you give me my {x}?
            I need my {x}.
            I need my {x} again.
            ~Do I have a {x}?
            ~Have I got a {x}?
            Any idea what my {x} is?
            I forgot my {x}.
            I forgot what my {x} is.
            I have forgotten my {x}.
            I can't find my {x}.
            Remind me of my {x}.
            Remind me what my {x} is.
            What did I say my {x} is?
            Which {x} did I give you?
            What did you note as my {x}?
            What is our {x}?
            ~What is the {x}?
            ~What's the {x}?
            """
        ),
        asked_third=forms(
            """
            What is {n}'s {x}?
            What's {n}'s {x}?
            What is {n}'s {x} now?
            What was {n}'s {x} again?
            What is {n}'s new {x}?
            When is {n}'s {x}?
            Which {x} does {n} have?
            What {x} does {n} have?
            Which {x} does {n} use?
            What does {n} have as {x}?
            Give me {n}'s {x}.
            Look up {n}'s {x}.
            I need {n}'s {x}.
            I forgot {n}'s {x}.
            ~Does {n} have a {x}?
            Any idea what {n}'s {x} is?
            Remind me of {n}'s {x}.
            """
        ),
        named=forms(
            """
            my {x}
            what my {x} is
            which {x} I have
            what {x} I have
            which {x} I use
            what I use as my {x}
            what my {x} is now
            my current {x}
            my new {x}
            the {x} I have
            the {x} I use
            what my {x} was
            """
        ),
        named_third=forms(
            """
            {n}'s {x}
            what {n}'s {x} is
            which {x} {n} has
            what {x} {n} has
            the {x} {n} uses
            """
        ),
    ),
    Phrasings(
        id="thing",
        value="any",
        x="attr",
        y="noun",
        weight=2,
        answer="The {x} of the {y} is {v}.",
        stored=forms(
            """
            The {x} of the {y} is {v}.
            The {x} of the {y} is now {v}.
            The {x} of the {y} is still {v}.
            The {x} of the {y} is currently {v}.
            The {x} of the {y}: {v}.
            The {x} of the {y} has changed to {v}.
            The {x} of the {y} was changed to {v}.
            The new {x} of the {y} is {v}.
            The current {x} of the {y} is {v}.
            The {x} for the {y} is {v}.
            The {x} for the {y} is now {v}.
            The new {x} for the {y} is {v}.
            The {x} at the {y} is {v}.
            The {y} has the {x} {v}.
            The {y} has a new {x}: {v}.
            For the {y}, the {x} is {v}.
            As {x}, the {y} has {v}.
            """
        ),
        told=forms(
            """
            The {x} of the {y} is {v}.
            The {x} of the {y} is now {v}.
            The {x} of the {y} is {v} now.
            The {x} of the {y} is still {v}.
            The {x} of the {y}: {v}.
            The {x} of the {y} has changed to {v}.
            The {x} of the {y} will be {v}.
            The new {x} of the {y} is {v}.
            The current {x} of the {y} is {v}.
            The {x} for the {y} is {v}.
            The {x} for the {y} is now {v}.
            The new {x} for the {y} is {v}.
            The {x} at the {y} is {v}.
            The {x} of our {y} is {v}.
            Our {x} for the {y} is {v}.
            My {x} for the {y} is {v}.
            The {y} has the {x} {v}.
            The {y} has a new {x}, it is {v}.
            The {y} has a new {x}: {v}.
            They changed the {x} of the {y} to {v}.
            We changed the {x} of the {y} to {v}.
            I changed the {x} of the {y} to {v}.
            I set the {x} of the {y} to {v}.
            I found out that the {x} of the {y} is {v}.
            For the {y}, the {x} is {v}.
            As for the {y}, its {x} is {v}.
            Hi, the {x} of the {y} is {v}.
            Hello, the {x} for the {y} is {v}.
            Please save the {x} of the {y}: {v}.
            """
        ),
        asked=forms(
            """
            What is the {x} of the {y}?
            What's the {x} of the {y}?
            What is the {x} of the {y} now?
            What's the {x} of the {y} again?
            What was the {x} of the {y}?
            What is the new {x} of the {y}?
            What is the current {x} of the {y}?
            What is the {x} for the {y}?
            What's the {x} for the {y}?
            What is the {x} at the {y}?
            What are the {x} of the {y}?
            What is the {x} of our {y}?
            What is our {x} for the {y}?
            Which {x} does the {y} have?
            What {x} does the {y} have?
            Which {x} has the {y} got?
            Which {x} belongs to the {y}?
            Which {x} do I need for the {y}?
            For the {y}, what is the {x}?
            What does the {y} have as its {x}?
            The {x} of the {y}?
            The {x} of the {y}, please.
            And the {x} of the {y}?
            Give me the {x} of the {y}.
            Give me the {x} for the {y}.
            Look up the {x} of the {y}.
            Can you look up the {x} for the {y}?
            Find the {x} of the {y}.
            Show me the {x} of the {y}.
            I need the {x} of the {y}.
            I need the {x} for the {y} again.
            Does the {y} have a {x}?
            Any idea what the {x} of the {y} is?
            I forgot the {x} of the {y}.
            I forgot which {x} the {y} has.
            Remind me of the {x} of the {y}.
            Remind me which {x} the {y} has.
            What did I say about the {x} of the {y}?
            What did I say the {x} of the {y} is?
            When is the {x} of the {y}?
            """
        ),
        named=forms(
            """
            the {x} of the {y}
            what the {x} of the {y} is
            the {x} for the {y}
            what the {x} for the {y} is
            which {x} the {y} has
            what {x} the {y} has
            the {x} that the {y} has
            the current {x} of the {y}
            the new {x} of the {y}
            what the {x} of the {y} is now
            """
        ),
    ),
)
