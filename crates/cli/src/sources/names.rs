//! By which names the environment is read: constants, lists and parameters.

use oxc_ast::AstKind;
use oxc_ast::ast::{
    Argument, ArrayExpressionElement, BindingPattern, Expression, ForStatementLeft, IdentifierReference,
    ObjectExpression, ObjectPropertyKind, PropertyKey,
};
use oxc_semantic::SymbolId;
use oxc_span::{GetSpan, Span};

use super::facts::{EACH, Names, Reader};
use super::values::path_in;

impl<'a> Reader<'a, '_> {
    /// The names that an expression may have as its value.
    pub(super) fn names(&self, expression: &'a Expression<'a>, depth: usize) -> Names {
        let Some(depth) = depth.checked_sub(1) else { return Names::Unknown };
        let known = |text: &str, span: Span| Names::Known(vec![(text.to_owned(), span.start)]);
        match expression.get_inner_expression() {
            Expression::StringLiteral(it) => known(&it.value, it.span),
            Expression::TemplateLiteral(it) => {
                it.single_quasi().map_or(Names::Unknown, |text| known(text.as_str(), it.span))
            }
            Expression::ConditionalExpression(it) => {
                both(self.names(&it.consequent, depth), self.names(&it.alternate, depth))
            }
            Expression::Identifier(it) => self.names_of_identifier(it, depth),
            Expression::StaticMemberExpression(it) => {
                let name = it.property.name.as_str();
                match it.object.get_inner_expression() {
                    // A constant of an object of this file, or a property of each element of a list.
                    Expression::Identifier(object) => match self.declared(object) {
                        Some(Declared::Init(Expression::ObjectExpression(object))) => {
                            property(object, name).map_or(Names::Unknown, |it| self.names(it, depth))
                        }
                        Some(Declared::Element(list)) => self.properties(list, name, depth),
                        _ => Names::Unknown,
                    },
                    _ => Names::Unknown,
                }
            }
            _ => Names::Unknown,
        }
    }

    fn names_of_identifier(&self, identifier: &IdentifierReference<'a>, depth: usize) -> Names {
        match self.declared(identifier) {
            Some(Declared::Init(init)) => self.names(init, depth),
            Some(Declared::Element(list)) => self.elements(list, depth),
            Some(Declared::ElementOf(list, name)) => self.properties(list, &name, depth),
            Some(Declared::Parameter(function, at, is_rest)) => Names::Parameter(function, at, is_rest),
            _ => Names::Unknown,
        }
    }

    /// The names in a list.
    pub(super) fn elements(&self, list: &'a Expression<'a>, depth: usize) -> Names {
        let Some(depth) = depth.checked_sub(1) else { return Names::Unknown };
        match list.get_inner_expression() {
            Expression::ArrayExpression(array) => array
                .elements
                .iter()
                .map(|element| match element {
                    ArrayExpressionElement::SpreadElement(it) => self.elements(&it.argument, depth),
                    element => element.as_expression().map_or(Names::Unknown, |it| match self.names(it, depth) {
                        // `[[name, what], …]`.
                        Names::Unknown => match it.get_inner_expression() {
                            Expression::ArrayExpression(pair) => {
                                let first = pair.elements.first().and_then(ArrayExpressionElement::as_expression);
                                first.map_or(Names::Unknown, |first| self.names(first, depth))
                            }
                            _ => Names::Unknown,
                        },
                        names => names,
                    }),
                })
                .reduce(both)
                .unwrap_or(Names::Unknown),
            Expression::Identifier(it) => match self.declared(it) {
                Some(Declared::Init(init)) => self.elements(init, depth),
                Some(Declared::Parameter(function, at, is_rest)) => Names::Parameter(function, at, is_rest),
                _ => Names::Unknown,
            },
            Expression::CallExpression(call) => {
                let Expression::StaticMemberExpression(method) = call.callee.get_inner_expression() else {
                    return Names::Unknown;
                };
                let first = call.arguments.first().and_then(Argument::as_expression);
                match (method.object.get_inner_expression(), method.property.name.as_str(), first) {
                    (Expression::Identifier(it), "keys" | "entries", Some(first)) if it.name == "Object" => {
                        self.object(first).map_or(Names::Unknown, keys)
                    }
                    (Expression::Identifier(it), "freeze", Some(first)) if it.name == "Object" => {
                        self.elements(first, depth)
                    }
                    (_, "filter" | "sort" | "slice", _) => self.elements(&method.object, depth),
                    _ => Names::Unknown,
                }
            }
            Expression::NewExpression(new) if new.callee.is_specific_id("Set") => {
                let first = new.arguments.first().and_then(Argument::as_expression);
                first.map_or(Names::Unknown, |first| self.elements(first, depth))
            }
            _ => Names::Unknown,
        }
    }

    fn object(&self, expression: &'a Expression<'a>) -> Option<&'a ObjectExpression<'a>> {
        match expression.get_inner_expression() {
            Expression::ObjectExpression(object) => Some(object),
            Expression::Identifier(it) => match self.declared(it)? {
                Declared::Init(Expression::ObjectExpression(object)) => Some(object),
                _ => None,
            },
            _ => None,
        }
    }

    /// A property of each element of a list of objects.
    fn properties(&self, list: &'a Expression<'a>, name: &str, depth: usize) -> Names {
        let Some(depth) = depth.checked_sub(1) else { return Names::Unknown };
        let array = match list.get_inner_expression() {
            Expression::ArrayExpression(array) => array,
            Expression::Identifier(it) => match self.declared(it) {
                Some(Declared::Init(init)) => return self.properties(init, name, depth),
                _ => return Names::Unknown,
            },
            _ => return Names::Unknown,
        };
        let of = |element: &'a ArrayExpressionElement<'a>| match element.as_expression()?.get_inner_expression() {
            Expression::ObjectExpression(object) => Some(self.names(property(object, name)?, depth)),
            _ => None,
        };
        array.elements.iter().map(|it| of(it).unwrap_or(Names::Unknown)).reduce(both).unwrap_or(Names::Unknown)
    }

    /// Where the value of a name comes from, if it never gets another one.
    fn declared(&self, identifier: &IdentifierReference<'a>) -> Option<Declared<'a>> {
        let scoping = self.semantic.scoping();
        let symbol = scoping.get_reference(identifier.reference_id.get()?).symbol_id()?;
        if scoping.symbol_is_mutated(symbol) {
            return None;
        }
        let nodes = self.semantic.nodes();
        let declaration = scoping.symbol_declaration(symbol);
        match nodes.kind(declaration) {
            AstKind::VariableDeclarator(declarator) => {
                if let Some(init) = &declarator.init {
                    let is_simple = declarator.id.is_binding_identifier();
                    return is_simple.then(|| Declared::Init(init.get_inner_expression()));
                }
                let each = nodes.ancestors(declaration).nth(1)?;
                let AstKind::ForOfStatement(each) = each.kind() else { return None };
                let is_left = matches!(&each.left, ForStatementLeft::VariableDeclaration(it)
                    if it.span.contains_inclusive(declarator.span));
                is_left.then(|| element(&declarator.id, symbol, &each.right)).flatten()
            }
            AstKind::FormalParameter(parameter) => {
                let function = nodes.parent_id(nodes.parent_id(declaration));
                let index = *self.functions.get(&function)?;
                let AstKind::FormalParameters(all) = nodes.parent_kind(declaration) else { return None };
                let at = all.items.iter().position(|it| it.span == parameter.span)?;
                let span = nodes.kind(function).span();
                // For each element of a list.
                if let AstKind::CallExpression(call) = nodes.parent_kind(function)
                    && call.arguments.first().is_some_and(|it| it.span() == span)
                    && let Expression::StaticMemberExpression(method) = call.callee.get_inner_expression()
                    && EACH.contains(&method.property.name.as_str())
                {
                    let is_element = at == usize::from(method.property.name == "reduce");
                    return is_element.then(|| element(&parameter.pattern, symbol, &method.object)).flatten();
                }
                parameter.pattern.is_binding_identifier().then_some(Declared::Parameter(index, at, false))
            }
            AstKind::FormalParameterRest(_) | AstKind::BindingRestElement(_) => {
                let all = nodes.ancestors(declaration).find(|it| matches!(it.kind(), AstKind::FormalParameters(_)))?;
                let AstKind::FormalParameters(parameters) = all.kind() else { return None };
                let index = *self.functions.get(&nodes.parent_id(all.id()))?;
                Some(Declared::Parameter(index, parameters.items.len(), true))
            }
            _ => None,
        }
    }
}

/// Where the value of a name comes from.
enum Declared<'a> {
    /// It is one of a list.
    Element(&'a Expression<'a>),
    /// It is a property of one of a list.
    ElementOf(&'a Expression<'a>, String),
    Init(&'a Expression<'a>),
    Parameter(usize, usize, bool),
}

fn element<'a>(pattern: &'a BindingPattern<'a>, symbol: SymbolId, list: &'a Expression<'a>) -> Option<Declared<'a>> {
    match pattern {
        BindingPattern::BindingIdentifier(_) => Some(Declared::Element(list)),
        BindingPattern::ObjectPattern(_) => {
            let path = path_in(pattern, symbol)?;
            (path.len() == 1).then(|| Declared::ElementOf(list, path[0].clone()))
        }
        // The first of a pair.
        BindingPattern::ArrayPattern(it) => {
            let first = it.elements.first()?.as_ref()?;
            first.get_symbol_ids().contains(&symbol).then_some(Declared::Element(list))
        }
        BindingPattern::AssignmentPattern(_) => None,
    }
}

fn property<'a>(object: &'a ObjectExpression<'a>, name: &str) -> Option<&'a Expression<'a>> {
    object.properties.iter().filter_map(ObjectPropertyKind::as_property).find_map(|it| {
        let is_it = it.key.static_name().is_some_and(|key| key == name);
        is_it.then_some(&it.value)
    })
}

fn keys(object: &ObjectExpression<'_>) -> Names {
    let key = |it: &ObjectPropertyKind<'_>| {
        let key: Option<&PropertyKey<'_>> = it.as_property().map(|it| &it.key);
        key.and_then(|key| Some((key.static_name()?.to_string(), key.span().start)))
    };
    object.properties.iter().map(key).collect::<Option<_>>().map_or(Names::Unknown, Names::Known)
}

fn both(one: Names, other: Names) -> Names {
    match (one, other) {
        (Names::Known(mut one), Names::Known(other)) => {
            one.extend(other);
            Names::Known(one)
        }
        _ => Names::Unknown,
    }
}
